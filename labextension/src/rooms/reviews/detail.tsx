import type { IDecision, IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { Digest } from '../../parts/copy';
import { Facts, Part } from '../../parts/facts';
import { Page } from '../../parts/page';
import { RelativeTime } from '../../parts/time';
import {
  assuranceText,
  namesText,
  reviewWord,
  verdictWord
} from '../../parts/words';
import { DecisionButtons } from './actions';
import { CheckTable } from './checktable';
import { Comments } from './comments';
import { Comparison } from './comparison';
import { Overridden } from './overridden';

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
      <Overridden room={room} review={review} />
      {review.needed.length > 0 && (
        <Part title={trans.__('Still needed')} testId="wb-review-needed">
          <ul className="wb-Needed">
            {review.needed.map(item => (
              <li key={item}>{item}</li>
            ))}
          </ul>
        </Part>
      )}
      {review.remarks.length > 0 && (
        <Part title={trans.__('Worth knowing')} testId="wb-review-remarks">
          <ul className="wb-Needed">
            {review.remarks.map(item => (
              <li key={item}>{item}</li>
            ))}
          </ul>
        </Part>
      )}
      <CheckTable room={room} review={review} />
      <Decisions room={room} decisions={review.decisions} />
      <Comparison room={room} review={review} />
      <Comments room={room} review={review} />
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
      <DecisionButtons room={room} review={review} isWhole />
    </header>
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
          [trans.__('Answers'), review.follows],
          [trans.__('Checks signed by'), review.checked_by.join(', ')],
          [
            trans.__('A release proves'),
            [
              review.assurance && assuranceText(review.assurance, trans),
              namesText(review.names, trans)
            ]
              .filter(Boolean)
              .join('; ')
          ],
          [
            trans.__('Run'),
            <button
              key="run"
              type="button"
              className="wb-Link"
              title={review.run}
              onClick={() =>
                void room.commands.execute(CommandIDs.openRun, {
                  run: review.run
                })
              }
            >
              {review.run.slice(0, 8)}
            </button>
          ]
        ]}
      />
    </Part>
  );
}
