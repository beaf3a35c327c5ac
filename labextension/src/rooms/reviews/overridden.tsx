import type { IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Glyph } from '../../parts/glyph';
import { RelativeTime } from '../../parts/time';

/** What an override leaves behind: when it ends, that somebody has to look at it, and the button for that. */
export function Overridden(props: {
  room: IRoom;
  review: IReviewCard;
  tabIndex?: 0 | -1;
}): JSX.Element | null {
  const { room, review, tabIndex } = props;
  const { trans, locale, commands } = room;
  if (!review.owes_post_review && !review.overridden_until) {
    return null;
  }
  return (
    <div className="wb-Warning wb-Warning-bad" data-testid="wb-overridden">
      <Glyph tone="bad" />
      <p role="status">
        {review.overridden_until ? (
          <>
            {trans.__('Overridden; ends')}{' '}
            <RelativeTime iso={review.overridden_until} locale={locale} />
          </>
        ) : (
          trans.__('It was overridden')
        )}
        {review.owes_post_review &&
          ` · ${trans.__('nobody has looked at it since')}`}
      </p>
      {review.owes_post_review && (
        <CommandButton
          commands={commands}
          id={CommandIDs.postReview}
          args={{ review: review.id }}
          label={trans.__('Look at it afterwards…')}
          about={`${review.model}@${review.stage}`}
          tabIndex={tabIndex}
          testId="wb-post-review"
        />
      )}
    </div>
  );
}
