import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { IRunComparison, IRunDetail } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';
import type { Tab } from './tab';
import { textOf, textsOf } from './args';

/** Opens runs and comparisons as tabs, and cancels jobs. */
export const runsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:runs',
  description: 'Opens runs and comparisons of runs, and cancels jobs.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    restorer: ILayoutRestorer | null
  ): void => {
    const { workbench, trans } = shared;
    const { commands, shell } = app;
    const tabs = new WidgetTracker<Tab<IRunDetail>>({
      namespace: 'mlops-workbench-runs'
    });
    const comparisons = new WidgetTracker<Tab<IRunComparison>>({
      namespace: 'mlops-workbench-comparisons'
    });

    commands.addCommand(CommandIDs.openRun, {
      label: trans.__('Open run'),
      execute: async args => {
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
      },
      describedBy: {
        args: {
          type: 'object',
          properties: {
            run: { type: 'string', description: trans.__('MLflow run id') }
          },
          required: ['run']
        }
      }
    });

    commands.addCommand(CommandIDs.compareRuns, {
      label: trans.__('Compare runs'),
      caption: trans.__('Show where the chosen runs differ'),
      isEnabled: args => textsOf(args, 'runs').length > 1,
      execute: async args => {
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
      },
      describedBy: {
        args: {
          type: 'object',
          properties: {
            runs: {
              type: 'array',
              items: { type: 'string' },
              description: trans.__('MLflow run ids, at least two')
            }
          },
          required: ['runs']
        }
      }
    });

    commands.addCommand(CommandIDs.cancelJob, {
      label: trans.__('Cancel job'),
      caption: trans.__('Stop the job; what it has recorded stays'),
      execute: args =>
        attempt(trans, async () => {
          await workbench.call('cancel', { job: textOf(args, 'job') });
          await workbench.refreshNouns(new Set(['job', 'run'] as const));
        }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            job: { type: 'string', description: trans.__('Id of the job') }
          },
          required: ['job']
        }
      }
    });

    void restorer?.restore(tabs, {
      command: CommandIDs.openRun,
      args: tab => tab.args,
      name: tab => tab.id
    });
  }
};

function runName(shared: IWorkbench, run: string): string {
  const card = shared.workbench.runs.value?.find(item => item.id === run);
  return card?.name ?? run.slice(0, 8);
}
