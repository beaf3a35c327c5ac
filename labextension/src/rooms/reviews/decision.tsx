import type { IProblem, IReviewCard } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { Facts } from '../../parts/facts';
import { Glyph } from '../../parts/glyph';
import { ProblemNote } from '../../parts/problem';
import { Reason } from './reason';
import { StatementText } from './statement';
import type { Verdict } from './verdicts';
import { askedFor } from './verdicts';

/** What a decision says, and the statement that was shown: its moment and its digest. */
export interface ISaid {
  readonly reason: string;
  readonly at: string;
  /** Empty while what is typed is not in a statement yet. */
  readonly shown: string;
}

/** The form of a decision: exactly what will be signed, what follows from it, and the reason for it. */
export function DecisionForm(props: {
  room: IRoom;
  review: IReviewCard;
  verdict: Verdict;
  /** The check that is waived. */
  check?: string;
  said: ISaid;
  problem: IProblem | null;
  onChange(said: ISaid): void;
}): JSX.Element {
  const { room, review, verdict, check = '', said, problem, onChange } = props;
  const { trans } = room;
  const asked = askedFor(verdict, review, check, trans);
  return (
    <div className="wb-Form-body" data-testid="wb-decision">
      <p className="wb-Form-lead">{asked.lead}</p>
      <Facts
        items={[
          [trans.__('Channel'), `${review.model}@${review.stage}`],
          [trans.__('Check'), check],
          [trans.__('Model'), <Full key="m" text={review.model_digest} />],
          ...(verdict === 'post-review'
            ? []
            : ([
                [
                  trans.__('Policy'),
                  <Full key="p" text={review.policy_digest} />
                ],
                [
                  trans.__('Evidence'),
                  <Full key="e" text={review.evidence_digest} />
                ]
              ] as const))
        ]}
      />
      <Follows lines={asked.follows} isGrave={verdict === 'override'} />
      {(verdict === 'approve' || verdict === 'override') && (
        <Open room={room} review={review} />
      )}
      <Reason
        room={room}
        minimum={asked.minimum}
        value={said.reason}
        onChange={reason => onChange({ reason, at: '', shown: '' })}
      />
      <StatementText
        room={room}
        review={review.id}
        verdict={verdict}
        check={check}
        reason={said.reason}
        onDraft={({ at, digest }) =>
          onChange({ reason: said.reason, at, shown: digest })
        }
      />
      {problem && (
        <div className="wb-Refusal">
          <ProblemNote problem={problem} />
        </div>
      )}
    </div>
  );
}

/** What follows from a signature. */
function Follows(props: {
  lines: readonly string[];
  isGrave: boolean;
}): JSX.Element | null {
  if (props.lines.length === 0) {
    return null;
  }
  return (
    <div
      className={props.isGrave ? 'wb-Warning wb-Warning-bad' : 'wb-Warning'}
      data-testid="wb-decision-follows"
    >
      {props.isGrave && <Glyph tone="bad" />}
      <ul>
        {props.lines.map(line => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}

/** The required checks that have not passed. */
function Open(props: { room: IRoom; review: IReviewCard }): JSX.Element | null {
  const open = props.review.checks.filter(
    check => check.is_required && !['pass', 'waived'].includes(check.result)
  );
  if (open.length === 0) {
    return null;
  }
  return (
    <p className="wb-Warning" role="status">
      {props.room.trans._n(
        '%1 required check has not passed: %2',
        '%1 required checks have not passed: %2',
        open.length,
        open.map(check => check.name).join(', ')
      )}
    </p>
  );
}

function Full(props: { text: string }): JSX.Element {
  return <code className="wb-Digest-full">{props.text || '–'}</code>;
}
