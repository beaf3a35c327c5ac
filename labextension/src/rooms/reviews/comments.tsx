import type { IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Part } from '../../parts/facts';
import { Said } from './said';

/** What was said about a candidate, and a button to say something about the whole of it. */
export function Comments(props: {
  room: IRoom;
  review: IReviewCard;
}): JSX.Element {
  const { room, review } = props;
  const { trans, commands } = room;
  return (
    <Part title={trans.__('Comments')} testId="wb-review-comments">
      <Said room={room} comments={review.comments} />
      <p className="wb-Hint">
        {trans.__(
          'Click a check, a metric or a cell to comment on it. A comment decides nothing.'
        )}
      </p>
      <div className="wb-Actions">
        <CommandButton
          commands={commands}
          id={CommandIDs.commentReview}
          args={{ review: review.id, on: '' }}
          label={trans.__('Comment on the whole…')}
          testId="wb-comment-whole"
        />
      </div>
    </Part>
  );
}
