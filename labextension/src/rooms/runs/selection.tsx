import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { useModels } from '../../parts/hooks';

/** What can be done with the chosen runs; it takes its place above the list, not over it. */
export function SelectionBar(props: { room: IRoom }): JSX.Element | null {
  const { workbench, commands, trans } = props.room;
  useModels(workbench.selection);
  const ids = workbench.selection.ids;
  if (ids.length === 0) {
    return null;
  }
  return (
    <div className="wb-SelectionBar" aria-live="polite">
      <span>{trans._n('%1 run chosen', '%1 runs chosen', ids.length)}</span>
      <CommandButton
        commands={commands}
        id={CommandIDs.compareRuns}
        args={{ runs: [...ids] }}
        label={trans.__('Compare')}
        kind="accept"
        testId="wb-runs-compare"
      />
      {ids.length === 2 && (
        <CommandButton
          commands={commands}
          id={CommandIDs.diffRuns}
          args={{ before: ids[0]!, after: ids[1]! }}
          label={trans.__('Differences')}
          testId="wb-runs-diff"
        />
      )}
      <CommandButton
        commands={commands}
        id={CommandIDs.deleteRuns}
        args={{ runs: [...ids] }}
        label={trans.__('Delete')}
        kind="warn"
        testId="wb-runs-delete"
      />
      <button
        type="button"
        className="wb-Button"
        onClick={() => workbench.selection.clear()}
      >
        {trans.__('Clear')}
      </button>
    </div>
  );
}
