import type { TranslationBundle } from '@jupyterlab/translation';
import type { IReviewCard } from '../../api/contract';
import { Facts } from '../../parts/facts';

/** The form of the decision: exactly what will be signed, and the reason for it. */
export function DecisionForm(props: {
  review: IReviewCard;
  verdict: 'approve' | 'reject';
  reason: string;
  trans: TranslationBundle;
  onChange(reason: string): void;
}): JSX.Element {
  const { review, verdict, reason, trans, onChange } = props;
  const open = review.checks.filter(
    check => check.is_required && !['pass', 'waived'].includes(check.result)
  );
  return (
    <div className="wb-Form-body" data-testid="wb-decision">
      <p className="wb-Form-lead">
        {verdict === 'approve'
          ? trans.__('You sign with your SSH key that these bytes may serve:')
          : trans.__(
              'You sign with your SSH key that these bytes may not serve:'
            )}
      </p>
      <Facts
        items={[
          [trans.__('Channel'), `${review.model}@${review.stage}`],
          [trans.__('Model'), <Full key="m" text={review.model_digest} />],
          [trans.__('Policy'), <Full key="p" text={review.policy_digest} />],
          [trans.__('Evidence'), <Full key="e" text={review.evidence_digest} />]
        ]}
      />
      {verdict === 'approve' && open.length > 0 && (
        <p className="wb-Warning" role="status">
          {trans._n(
            '%1 required check has not passed: %2',
            '%1 required checks have not passed: %2',
            open.length,
            open.map(check => check.name).join(', ')
          )}
        </p>
      )}
      <label className="wb-Field wb-Field-wide">
        <span>
          {verdict === 'approve'
            ? trans.__('Reason (recorded with your signature)')
            : trans.__('Reason (required, recorded with your signature)')}
        </span>
        <textarea
          className="jp-mod-styled"
          rows={3}
          required={verdict === 'reject'}
          data-testid="wb-decision-reason"
          value={reason}
          onChange={event => onChange(event.target.value)}
        />
      </label>
    </div>
  );
}

function Full(props: { text: string }): JSX.Element {
  return <code className="wb-Digest-full">{props.text || '–'}</code>;
}
