import type { IProblem, IReviewCard } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { ProblemNote } from '../../parts/problem';
import type { ISaid } from './decision';
import { Said } from './said';
import { StatementText } from './statement';

/** The form of a comment: what was said about this before, a field to say more, and exactly what will be signed. */
export function CommentForm(props: {
  room: IRoom;
  review: IReviewCard;
  on: string;
  said: ISaid;
  problem: IProblem | null;
  onChange(said: ISaid): void;
}): JSX.Element {
  const { room, review, on, said, problem, onChange } = props;
  const { trans } = room;
  return (
    <div className="wb-Form-body" data-testid="wb-comment">
      <Said
        room={room}
        comments={review.comments.filter(comment => comment.on === on)}
      />
      <label className="wb-Field wb-Field-wide">
        <span>{trans.__('Comment (decides nothing)')}</span>
        <textarea
          className="jp-mod-styled"
          rows={4}
          data-testid="wb-comment-dialog-text"
          value={said.reason}
          onChange={event =>
            onChange({ reason: event.target.value, at: '', shown: '' })
          }
        />
      </label>
      <p className="wb-Hint">
        {trans.__(
          'It is written into the journal under your name, and signed where you have a key.'
        )}
      </p>
      {said.reason.trim() !== '' && (
        <StatementText
          room={room}
          review={review.id}
          verdict="comment"
          on={on}
          reason={said.reason}
          onDraft={({ at, digest }) =>
            onChange({ reason: said.reason, at, shown: digest })
          }
        />
      )}
      {problem && (
        <div className="wb-Refusal">
          <ProblemNote problem={problem} />
        </div>
      )}
    </div>
  );
}
