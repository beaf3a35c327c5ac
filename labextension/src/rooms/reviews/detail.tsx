import type { ICheckReport, IDecision, IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { Digest } from '../../parts/copy';
import { Facts, Part } from '../../parts/facts';
import { formatDuration, formatFigure } from '../../parts/figures';
import { Page } from '../../parts/page';
import { Table } from '../../parts/table';
import { RelativeTime } from '../../parts/time';
import {
  assuranceText,
  checkWord,
  reviewWord,
  verdictWord
} from '../../parts/words';
import { DecisionButtons } from './actions';

/** Everything a reviewer looks at. */
export function ReviewDetailView(props: {
  room: IRoom;
  detail: Resource<IReviewCard>;
}): JSX.Element {
  const { room, detail } = props;
  return (
    <Page resource={detail}>
      {value => <Dossier room={room} review={value} />}
    </Page>
  );
}

function Dossier(props: { room: IRoom; review: IReviewCard }): JSX.Element {
  const { room, review } = props;
  const { trans } = room;
  return (
    <>
      <ReviewHeader room={room} review={review} />
      {review.needed.length > 0 && (
        <Part title={trans.__('Still needed')} testId="wb-review-needed">
          <ul className="wb-Needed">
            {review.needed.map(item => (
              <li key={item}>{item}</li>
            ))}
          </ul>
        </Part>
      )}
      <Checks room={room} checks={review.checks} />
      <Decisions room={room} decisions={review.decisions} />
      {Object.keys(review.metrics).length > 0 && (
        <Part title={trans.__('Metrics')}>
          <Facts
            items={Object.entries(review.metrics).map(([name, value]) => [
              name,
              formatFigure(value, room.locale)
            ])}
          />
        </Part>
      )}
      <Provenance room={room} review={review} />
    </>
  );
}

function ReviewHeader(props: {
  room: IRoom;
  review: IReviewCard;
}): JSX.Element {
  const { room, review } = props;
  const { trans, locale } = room;
  return (
    <header className="wb-Tab-header">
      <div>
        <h1>
          {review.model}
          <span className="wb-Tab-stage">→ {review.stage}</span>
        </h1>
        <p className="wb-Tab-line">
          <Badge word={reviewWord(review.state, trans)} />
          <span>{trans.__('Requested by %1', review.requester)}</span>
          <RelativeTime iso={review.requested_at} locale={locale} />
        </p>
      </div>
      <DecisionButtons room={room} review={review} />
    </header>
  );
}

function Checks(props: {
  room: IRoom;
  checks: readonly ICheckReport[];
}): JSX.Element {
  const { trans, locale } = props.room;
  return (
    <Part title={trans.__('Checks')} testId="wb-review-checks">
      <Table
        label={trans.__('Checks')}
        items={props.checks}
        keyOf={check => check.name}
        columns={[
          {
            key: 'result',
            label: trans.__('Result'),
            track: 'max-content',
            render: check => <Badge word={checkWord(check.result, trans)} />
          },
          {
            key: 'name',
            label: trans.__('Check'),
            track: 'max-content',
            render: check => (
              <>
                {check.name}
                {check.is_required && (
                  <span className="wb-Row-version">{trans.__('required')}</span>
                )}
              </>
            )
          },
          {
            key: 'summary',
            label: trans.__('Summary'),
            track: 'minmax(12em, 1fr)',
            render: check => (
              <span className="wb-Wrap" title={figuresText(check, locale)}>
                {check.summary}
              </span>
            )
          },
          {
            key: 'duration',
            label: trans.__('Duration'),
            track: 'max-content',
            align: 'end',
            render: check => formatDuration(check.duration_s)
          },
          {
            key: 'evidence',
            label: trans.__('Evidence'),
            track: 'max-content',
            render: check => (
              <Digest digest={check.evidence_digest} room={props.room} />
            )
          }
        ]}
      />
    </Part>
  );
}

function Decisions(props: {
  room: IRoom;
  decisions: readonly IDecision[];
}): JSX.Element | null {
  const { trans, locale } = props.room;
  if (props.decisions.length === 0) {
    return null;
  }
  return (
    <Part title={trans.__('Decisions')} testId="wb-review-decisions">
      <ul className="wb-Decisions">
        {props.decisions.map(decision => (
          <li key={decision.statement_digest}>
            <Badge word={verdictWord(decision.verdict, trans)} />
            {decision.check && <code>{decision.check}</code>}
            <b>{decision.principal}</b>
            <RelativeTime iso={decision.at} locale={locale} />
            {decision.reason && <q>{decision.reason}</q>}
            <span className="wb-Row-note">
              {assuranceText(decision.assurance, trans)} ·{' '}
              <code>{decision.fingerprint}</code>
            </span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Provenance(props: { room: IRoom; review: IReviewCard }): JSX.Element {
  const { room, review } = props;
  const { trans } = room;
  const digest = (text: string): JSX.Element => (
    <Digest digest={text} room={room} />
  );
  return (
    <Part title={trans.__('What is bound')} testId="wb-review-digests">
      <Facts
        items={[
          [trans.__('Model'), digest(review.model_digest)],
          [trans.__('Policy'), digest(review.policy_digest)],
          [trans.__('Evidence'), digest(review.evidence_digest)],
          [trans.__('Notebook digest'), digest(review.notebook_digest)],
          [trans.__('Environment'), digest(review.environment_digest)],
          [trans.__('Dataset version'), review.dataset_version],
          [trans.__('Commit'), digest(review.commit)],
          [trans.__('Author'), review.author],
          [
            trans.__('Run'),
            <button
              key="run"
              type="button"
              className="wb-Link"
              onClick={() =>
                void room.commands.execute(CommandIDs.openRun, {
                  run: review.run
                })
              }
            >
              {review.run}
            </button>
          ]
        ]}
      />
    </Part>
  );
}

function figuresText(check: ICheckReport, locale: string): string {
  return [
    check.tool,
    ...Object.entries(check.figures).map(
      ([name, value]) => `${name} ${formatFigure(value, locale)}`
    )
  ].join('\n');
}
