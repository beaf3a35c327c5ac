import type { IRunDetail } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Facts, Part } from '../../parts/facts';

/** What people added to the run: a note and tags. */
export function Remarks(props: {
  room: IRoom;
  detail: IRunDetail;
}): JSX.Element {
  const { room, detail } = props;
  const { trans, commands } = room;
  const { card } = detail;
  const tags = Object.entries(detail.tags).filter(
    ([name]) => !/^(workbench|mlflow)\./.test(name)
  );
  return (
    <Part title={trans.__('Note and tags')} testId="wb-run-remarks">
      {card.note && <p className="wb-Note">{card.note}</p>}
      {tags.length > 0 && <Facts items={tags} />}
      <div className="wb-Actions">
        <CommandButton
          commands={commands}
          id={CommandIDs.noteRun}
          args={{ run: card.id, note: card.note }}
          label={card.note ? trans.__('Edit note…') : trans.__('Add note…')}
          testId="wb-run-note"
        />
        <CommandButton
          commands={commands}
          id={CommandIDs.tagRun}
          args={{ run: card.id }}
          label={trans.__('Set tag…')}
          testId="wb-run-tag"
        />
      </div>
    </Part>
  );
}
