import type { IRunDetail } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Digest } from '../../parts/copy';
import { Part } from '../../parts/facts';
import { FileLink } from '../../parts/file';
import { Glyph } from '../../parts/glyph';
import { Table } from '../../parts/table';

/** Files that the run read; those that nobody can bring back are marked. */
export function Inputs(props: {
  room: IRoom;
  detail: IRunDetail;
}): JSX.Element | null {
  const { trans, commands } = props.room;
  const { inputs } = props.detail;
  if (inputs.length === 0) {
    return null;
  }
  return (
    <Part title={trans.__('Inputs')} testId="wb-run-inputs">
      <Table
        label={trans.__('Inputs')}
        items={inputs}
        keyOf={input => input.path}
        columns={[
          {
            key: 'path',
            label: trans.__('Path'),
            track: 'minmax(8em, 2fr)',
            render: input => <FileLink room={props.room} file={input.path} />
          },
          {
            key: 'version',
            label: trans.__('Dataset version'),
            track: 'minmax(8em, 2fr)',
            render: input =>
              input.dataset_version || (
                <span className="wb-Unversioned">
                  <Glyph tone="warn" />
                  {trans.__('Not versioned')}
                  <CommandButton
                    commands={commands}
                    id={CommandIDs.recordData}
                    args={{ path: input.path }}
                    label={trans.__('Keep as dataset version')}
                    about={input.path}
                    testId="wb-run-keep"
                  />
                </span>
              )
          },
          {
            key: 'digest',
            label: trans.__('Digest'),
            track: 'auto',
            render: input => <Digest digest={input.digest} room={props.room} />
          }
        ]}
      />
    </Part>
  );
}
