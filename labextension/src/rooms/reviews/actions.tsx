import type { IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Glyph } from '../../parts/glyph';
import { useModels } from '../../parts/hooks';

/** What can be done with a review now: decide on it, or release what it let through. */
export function DecisionButtons(props: {
  room: IRoom;
  review: IReviewCard;
  tabIndex?: 0 | -1;
  /** In a tab there is room for what is seldom done, too. */
  isWhole?: boolean;
}): JSX.Element | null {
  const { room, review, tabIndex, isWhole = false } = props;
  const { commands, trans, workbench } = room;
  useModels(workbench.releases);
  const shared = {
    commands,
    args: { review: review.id },
    about: `${review.model}@${review.stage}`,
    tabIndex
  };
  if (review.state === 'APPROVED') {
    const release = workbench.releases.value?.find(
      ({ review: id, state }) => id === review.id && state === 'CURRENT'
    );
    return release ? (
      <p className="wb-Row-note wb-Released">
        <Glyph tone="good" />
        {trans.__('Released as version %1', release.version)}
      </p>
    ) : (
      <div className="wb-Actions">
        <CommandButton
          {...shared}
          id={CommandIDs.releaseReview}
          label={trans.__('Release')}
          kind="accept"
          testId="wb-review-release"
        />
      </div>
    );
  }
  if (review.state !== 'OPEN' && review.state !== 'CHANGES_REQUESTED') {
    return null;
  }
  return (
    <div className="wb-Actions">
      <CommandButton
        {...shared}
        id={CommandIDs.approveReview}
        label={trans.__('Approve…')}
        kind="accept"
        testId="wb-review-approve"
      />
      <CommandButton
        {...shared}
        id={CommandIDs.requestChanges}
        label={trans.__('Request changes…')}
        testId="wb-review-changes"
      />
      <CommandButton
        {...shared}
        id={CommandIDs.rejectReview}
        label={trans.__('Reject…')}
        kind="warn"
        testId="wb-review-reject"
      />
      {isWhole && review.break_glass.length > 0 && (
        <CommandButton
          {...shared}
          id={CommandIDs.overrideReview}
          label={trans.__('Override…')}
          kind="warn"
          testId="wb-review-override"
        />
      )}
    </div>
  );
}
