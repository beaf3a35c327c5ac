import type { IRunCard } from '../api/contract';
import { CommandIDs } from '../model/commands';
import type { IRoom } from '../model/tokens';

const PATH =
  'M8 1.4l2 4.3 4.7.6-3.4 3.2.9 4.6L8 11.8l-4.2 2.3.9-4.6L1.3 6.3 6 5.7Z';

/** Stars a run, or takes the star off. */
export function StarButton(props: {
  room: IRoom;
  run: IRunCard;
  tabIndex?: number;
}): JSX.Element {
  const { room, run } = props;
  return (
    <button
      type="button"
      className="wb-Star"
      aria-pressed={run.is_starred}
      aria-label={room.trans.__('Star %1', run.name)}
      title={
        run.is_starred
          ? room.trans.__('Take the star off')
          : room.trans.__('Star this run')
      }
      data-testid="wb-run-star"
      tabIndex={props.tabIndex}
      onClick={event => {
        event.stopPropagation();
        void room.commands.execute(CommandIDs.starRun, {
          run: run.id,
          starred: !run.is_starred
        });
      }}
    >
      <svg viewBox="0 0 16 16" aria-hidden>
        <path d={PATH} />
      </svg>
    </button>
  );
}
