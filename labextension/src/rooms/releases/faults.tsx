import type { IReleaseCard, IReleaseFault } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Glyph } from '../../parts/glyph';

/** What makes a release red: what is wrong, what mends it, and the button that leads there. */
export function Faults(props: {
  room: IRoom;
  release: IReleaseCard;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, release, tabIndex } = props;
  return (
    <>
      {release.faults.map(fault => (
        <div
          key={fault.message}
          className="wb-Warning wb-Warning-bad"
          data-testid="wb-release-fault"
          data-kind={fault.kind}
        >
          <Glyph tone="bad" />
          <div role="status">
            <p>{fault.message}</p>
            <p className="wb-Hint">{fault.hint}</p>
          </div>
          <WayOut
            room={room}
            release={release}
            fault={fault}
            tabIndex={tabIndex}
          />
        </div>
      ))}
    </>
  );
}

/** The button that leads to where it is mended. */
function WayOut(props: {
  room: IRoom;
  release: IReleaseCard;
  fault: IReleaseFault;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, release, fault, tabIndex } = props;
  const { trans, commands } = room;
  const shared = { commands, about: release.channel, tabIndex };
  if (fault.kind === 'out-of-band') {
    return (
      <div className="wb-Actions">
        <CommandButton
          {...shared}
          id={CommandIDs.releaseReview}
          args={{ review: release.review }}
          label={trans.__('Release again')}
          testId="wb-release-again"
        />
        <CommandButton
          {...shared}
          id={CommandIDs.watchGate}
          label={trans.__('Look again')}
          testId="wb-gate-watch"
        />
      </div>
    );
  }
  const args = { review: fault.review || release.review };
  return (
    <div className="wb-Actions">
      {fault.kind === 'override-owed' && (
        <CommandButton
          {...shared}
          id={CommandIDs.postReview}
          args={args}
          label={trans.__('Look at it afterwards…')}
          testId="wb-release-post-review"
        />
      )}
      <CommandButton
        {...shared}
        id={CommandIDs.openReview}
        args={args}
        label={trans.__('Open review')}
        testId="wb-release-review"
      />
    </div>
  );
}
