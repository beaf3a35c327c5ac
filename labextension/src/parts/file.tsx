import { CommandIDs } from '../model/commands';
import type { IRoom } from '../model/tokens';

/** A file of the project, opened with a click. */
export function FileLink(props: {
  room: IRoom;
  file: string;
  tabIndex?: number;
}): JSX.Element | null {
  const { room, file } = props;
  if (!file) {
    return null;
  }
  return (
    <button
      type="button"
      className="wb-Link"
      title={file}
      tabIndex={props.tabIndex}
      onClick={event => {
        event.stopPropagation();
        void room.commands.execute(CommandIDs.openFile, { file });
      }}
    >
      {file}
    </button>
  );
}
