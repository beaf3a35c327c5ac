import { CommandIDs } from '../model/commands';
import type { IRoom } from '../model/tokens';
import { CopyButton } from './copy';
import { CommandButton } from './button';

/** An empty room that teaches: what would be here, and the cell that puts it here. */
export function Empty(props: {
  room: IRoom;
  /** One sentence: what this room is. */
  text: string;
  /** The cell that fills it. */
  cell: string;
  testId: string;
}): JSX.Element {
  const { commands, trans } = props.room;
  return (
    <div className="wb-Empty" data-testid={props.testId}>
      <p>{props.text}</p>
      <pre>
        <code>{props.cell}</code>
      </pre>
      <div className="wb-Actions">
        <CommandButton
          commands={commands}
          id={CommandIDs.insertCell}
          args={{ source: props.cell }}
          label={trans.__('Insert cell')}
          testId={`${props.testId}-insert`}
        />
        <CopyButton text={props.cell} room={props.room} />
      </div>
    </div>
  );
}
