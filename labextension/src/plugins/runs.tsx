import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import type { IRunComparison, IRunDetail, IRunDiff } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { addActions } from './actions';
import { textOf, textsOf } from './args';
import { addRunChanges } from './changes';
import type { Tab } from './tab';

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
    const { commands, shell } = app;
    const tabs = new WidgetTracker<Tab<IRunDetail>>({
      namespace: 'mlops-workbench-runs'
    });
    const comparisons = new WidgetTracker<Tab<IRunComparison>>({
      namespace: 'mlops-workbench-comparisons'
    });
    const diffs = new WidgetTracker<Tab<IRunDiff>>({
      namespace: 'mlops-workbench-run-diffs'
    });
    const tables = new WidgetTracker<Tab<null>>({
      namespace: 'mlops-workbench-run-tables'
    });

    addActions(commands, shared, [
      {
        id: CommandIDs.openRun,
        label: trans.__('Open run'),
        args: { run: trans.__('MLflow run id') },
        run: async args => {
          const run = textOf(args, 'run');
          const { openTab } = await import('./tab');
          const { RunDetailView } = await import('../rooms/runs/detail');
          await openTab(shell, tabs, shared, {
            id: `mlops-workbench-run-${run}`,
            label: runName(shared, run),
            nouns: ['run', 'job'],
            args: { run },
            fetch: () => workbench.call('runs show', { run }),
            view: detail => <RunDetailView room={shared} detail={detail} />
          });
        }
      },
      {
        id: CommandIDs.openRuns,
        label: trans.__('Show runs as a table'),
        caption: trans.__('Sort, group and compare runs'),
        run: async () => {
          const { openTab } = await import('./tab');
          const { RunsTable } = await import('../rooms/runs/table');
          await openTab(shell, tables, shared, {
            id: 'mlops-workbench-runs-table',
            label: trans.__('Runs'),
            nouns: [],
            args: {},
            fetch: () => Promise.resolve(null),
            view: () => <RunsTable room={shared} />
          });
        }
      },
      {
        id: CommandIDs.compareRuns,
        label: trans.__('Compare runs'),
        caption: trans.__('Show where the chosen runs differ'),
        args: { runs: [trans.__('MLflow run ids, at least two')] },
        isEnabled: args => textsOf(args, 'runs').length > 1,
        run: async args => {
          const runs = textsOf(args, 'runs');
          const { openTab } = await import('./tab');
          const { CompareView } = await import('../rooms/runs/compare');
          await openTab(shell, comparisons, shared, {
            id: `mlops-workbench-compare-${runs.join('-')}`,
            label: trans.__('Comparison'),
            nouns: ['run'],
            args: {},
            fetch: () => workbench.call('runs compare', { runs }),
            view: comparison => (
              <CompareView room={shared} comparison={comparison} />
            )
          });
        }
      },
      {
        id: CommandIDs.diffRuns,
        label: trans.__('Show what changed between two runs'),
        caption: trans.__('Figures, packages, inputs, commits and code'),
        args: {
          before: trans.__('MLflow run id'),
          after: trans.__('MLflow run id')
        },
        run: async args => {
          const [before, after] = [
            textOf(args, 'before'),
            textOf(args, 'after')
          ];
          const { openTab } = await import('./tab');
          const { RunDiffView } = await import('../rooms/runs/diff');
          await openTab(shell, diffs, shared, {
            id: `mlops-workbench-run-diff-${before}-${after}`,
            label: trans.__('Differences'),
            nouns: ['run'],
            args: { before, after },
            fetch: () => workbench.call('runs diff', { before, after }),
            view: diff => <RunDiffView room={shared} diff={diff} />
          });
        }
      }
    ]);
    addRunChanges(commands, shared);

    palette?.addItem({
      command: CommandIDs.openRuns,
      category: trans.__('MLOps Workbench')
    });
    void restorer?.restore(tabs, {
      command: CommandIDs.openRun,
      args: tab => tab.args,
      name: tab => tab.id
    });
    void restorer?.restore(diffs, {
      command: CommandIDs.diffRuns,
      args: tab => tab.args,
      name: tab => tab.id
    });
    void restorer?.restore(tables, {
      command: CommandIDs.openRuns,
      name: tab => tab.id
    });
  }
};

function runName(shared: IWorkbench, run: string): string {
  const card = shared.workbench.runs.value?.find(item => item.id === run);
  return card?.name ?? run.slice(0, 8);
}
