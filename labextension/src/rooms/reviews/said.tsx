import type { ReactNode } from 'react';
import type { IComment, IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { RelativeTime } from '../../parts/time';
import { placeText } from './words';

/** Comments, in order. */
export function Said(props: {
  room: IRoom;
  comments: readonly IComment[];
}): JSX.Element | null {
  const { room, comments } = props;
  if (comments.length === 0) {
    return null;
  }
  return (
    <ul className="wb-Decisions">
      {comments.map(comment => (
        <li key={comment.id}>
          <b>{comment.principal}</b>
          {comment.on && <code>{placeText(comment.on, room.trans)}</code>}
          <RelativeTime iso={comment.at} locale={room.locale} />
          <q>{comment.text}</q>
        </li>
      ))}
    </ul>
  );
}

/** A part of a review that one clicks to say something about; how often somebody has stands beside it. */
export function Remarkable(props: {
  room: IRoom;
  review: IReviewCard;
  /** `check:<name>`, `metric:<name>` or `cell:<id>`. */
  on: string;
  children: ReactNode;
}): JSX.Element {
  const { room, review, on, children } = props;
  const { trans, commands } = room;
  const count = review.comments.filter(comment => comment.on === on).length;
  return (
    <button
      type="button"
      className="wb-Remarkable"
      data-testid={`wb-say-${on}`}
      title={trans.__('Comment on %1', placeText(on, trans))}
      onClick={() =>
        void commands.execute(CommandIDs.commentReview, {
          review: review.id,
          on
        })
      }
    >
      {children}
      {count > 0 && (
        <span
          className="wb-Remarks"
          aria-label={trans._n('%1 comment', '%1 comments', count)}
        >
          {count}
        </span>
      )}
    </button>
  );
}
