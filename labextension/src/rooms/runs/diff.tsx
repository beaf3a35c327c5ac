import type { IRunDiff } from '../../api/contract';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Part } from '../../parts/facts';
import { Page } from '../../parts/page';
import { Patch } from '../../parts/patch';
import { KINDS, Differences } from './compare';

/** What changed from one run to another: figures, packages, inputs, commits, lines of code. */
export function RunDiffView(props: {
  room: IRoom;
  diff: Resource<IRunDiff>;
}): JSX.Element {
  const { room, diff } = props;
  const { trans } = room;
  return (
    <Page resource={diff}>
      {value => (
        <>
          <header className="wb-Tab-header">
            <h1>
              {trans.__(
                'From %1 to %2',
                `${value.before.name} · ${value.before.id.slice(0, 6)}`,
                `${value.after.name} · ${value.after.id.slice(0, 6)}`
              )}
            </h1>
          </header>
          {value.notes.map(note => (
            <p key={note} className="wb-Warning">
              {note}
            </p>
          ))}
          {isSame(value) && (
            <p data-testid="wb-diff-same">
              {trans.__('These runs do not differ.')}
            </p>
          )}
          {KINDS.map(kind => (
            <Differences
              key={kind}
              room={room}
              kind={kind}
              runs={[value.before, value.after]}
              differences={value.differences}
            />
          ))}
          {value.commits.length > 0 && (
            <Part title={trans.__('Commits')} testId="wb-diff-commits">
              <ol className="wb-Commits">
                {value.commits.map(commit => (
                  <li key={commit}>{commit}</li>
                ))}
              </ol>
            </Part>
          )}
          <Patch
            title={trans.__('Notebook')}
            lines={value.notebook}
            testId="wb-diff-notebook"
          />
          <Patch
            title={trans.__('Changes that were not committed')}
            lines={value.patch}
            testId="wb-diff-patch"
          />
        </>
      )}
    </Page>
  );
}

function isSame(diff: IRunDiff): boolean {
  return (
    diff.differences.length +
      diff.commits.length +
      diff.patch.length +
      diff.notebook.length ===
    0
  );
}
