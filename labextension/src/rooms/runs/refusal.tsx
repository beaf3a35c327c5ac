import type { IProblem } from '../../api/contract';
import type { IRoom } from '../../model/tokens';

/** So much of the query is shown before and behind the place. */
const AROUND = 16;

/** Why a query was refused: the reason, the place in the query, and what mends it. */
export function QueryProblem(props: {
  id: string;
  room: IRoom;
  query: string;
  problem: IProblem;
}): JSX.Element {
  const { query, problem } = props;
  const { at, reason } = refusalOf(problem.message);
  return (
    <div
      id={props.id}
      className="wb-Query-problem"
      role="alert"
      data-testid="wb-query-problem"
    >
      {at !== null && (
        <code aria-label={props.room.trans.__('Character %1', at + 1)}>
          {at > AROUND && '…'}
          {query.slice(Math.max(at - AROUND, 0), at)}
          <mark>{query[at] ?? ' '}</mark>
          {query.slice(at + 1, at + AROUND)}
          {at + AROUND < query.length && '…'}
        </code>
      )}
      <span>{reason}</span>
      {problem.hint && <span className="wb-Hint">{problem.hint}</span>}
    </div>
  );
}

/**
 * Take the place and the reason out of the server's message, which draws a caret for terminals. In every language the
 * first number is the place, and the reason follows the first colon.
 */
export function refusalOf(message: string): {
  readonly at: number | null;
  readonly reason: string;
} {
  const [line = ''] = message.split('\n');
  const match = /^\D+(\d+)[^:]*: (.*)$/.exec(line);
  return match
    ? { at: Number(match[1]) - 1, reason: match[2]! }
    : { at: null, reason: line };
}
