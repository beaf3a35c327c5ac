import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { IRunComparison, IRunDetail, IRunDiff } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { textOf, textsOf } from './args';
import { addRunChanges } from './changes';
import { addTabs } from './tabs';

/** Opens runs, comparisons and differences as tabs, and changes what people add to runs. */
export const runsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:runs',
  description: 'Opens, compares, annotates, deletes and reproduces runs.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const { workbench, trans } = shared;
    const run = trans.__('MLflow run id');

    addTabs<IRunDetail>(app, shared, restorer, {
      namespace: 'runs',
      id: CommandIDs.openRun,
      label: trans.__('Open run'),
      args: { run },
      show: async args => {
        const id = textOf(args, 'run');
        const { RunDetailView } = await import('../rooms/runs/detail');
        return {
          id: `mlops-workbench-run-${id}`,
          label: runName(shared, id),
          nouns: ['run', 'job'],
          args: { run: id },
          fetch: () => workbench.call('runs show', { run: id }),
          view: detail => <RunDetailView room={shared} detail={detail} />
        };
      }
    });
    addTabs<null>(app, shared, restorer, {
      namespace: 'run-tables',
      id: CommandIDs.openRuns,
      label: trans.__('Show runs as a table'),
      caption: trans.__('Sort, group and compare runs'),
      show: async () => {
        const { RunsTable } = await import('../rooms/runs/table');
        return {
          id: 'mlops-workbench-runs-table',
          label: trans.__('Runs'),
          nouns: [],
          args: {},
          fetch: () => Promise.resolve(null),
          view: () => <RunsTable room={shared} />
        };
      }
    });
    addTabs<IRunComparison>(app, shared, restorer, {
      namespace: 'comparisons',
      isKept: false,
      id: CommandIDs.compareRuns,
      label: trans.__('Compare runs'),
      caption: trans.__('Show where the chosen runs differ'),
      args: { runs: [trans.__('MLflow run ids, at least two')] },
      isEnabled: args => textsOf(args, 'runs').length > 1,
      show: async args => {
        const runs = textsOf(args, 'runs');
        const { CompareView } = await import('../rooms/runs/compare');
        return {
          id: `mlops-workbench-compare-${runs.join('-')}`,
          label: trans.__('Comparison'),
          nouns: ['run'],
          args: {},
          fetch: () => workbench.call('runs compare', { runs }),
          view: comparison => (
            <CompareView room={shared} comparison={comparison} />
          )
        };
      }
    });
    addTabs<IRunDiff>(app, shared, restorer, {
      namespace: 'run-diffs',
      id: CommandIDs.diffRuns,
      label: trans.__('Show what changed between two runs'),
      caption: trans.__('Figures, packages, inputs, commits and code'),
      args: { before: run, after: run },
      show: async args => {
        const before = textOf(args, 'before');
        const after = textOf(args, 'after');
        const { RunDiffView } = await import('../rooms/runs/diff');
        return {
          id: `mlops-workbench-run-diff-${before}-${after}`,
          label: trans.__('Differences'),
          nouns: ['run'],
          args: { before, after },
          fetch: () => workbench.call('runs diff', { before, after }),
          view: diff => <RunDiffView room={shared} diff={diff} />
        };
      }
    });
    addRunChanges(app.commands, shared);

    palette?.addItem({
      command: CommandIDs.openRuns,
      category: trans.__('MLOps Workbench')
    });
  }
};

function runName(shared: IWorkbench, run: string): string {
  const card = shared.workbench.runs.value?.find(item => item.id === run);
  return card?.name ?? run.slice(0, 8);
}
