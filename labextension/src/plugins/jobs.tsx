import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { CommandIDs } from '../model/commands';
import type { IJobView } from '../model/joblog';
import { JobLog } from '../model/joblog';
import { IWorkbench } from '../model/tokens';
import { addActions } from './actions';
import { textOf } from './args';
import { addTabs } from './tabs';

/** Opens jobs as tabs; cancels them and tries them again. */
export const jobsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:jobs',
  description: 'Shows jobs, cancels them and tries them again.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    restorer: ILayoutRestorer | null
  ): void => {
    const { workbench, trans } = shared;
    const job = trans.__('Id of the job');

    addTabs<IJobView>(app, shared, restorer, {
      namespace: 'jobs',
      id: CommandIDs.openJob,
      label: trans.__('Open job'),
      caption: trans.__('How far it is and what it prints'),
      args: { job },
      show: async args => {
        const id = textOf(args, 'job');
        const log = new JobLog(workbench, id);
        const { JobView } = await import('../rooms/targets/job');
        return {
          id: `mlops-workbench-job-${id}`,
          label: id,
          nouns: ['job'],
          args: { job: id },
          fetch: () => log.read(),
          view: view => <JobView room={shared} job={view} />
        };
      }
    });
    addActions(app.commands, shared, [
      {
        id: CommandIDs.cancelJob,
        label: trans.__('Cancel job'),
        caption: trans.__('Stop the job; what it has recorded stays'),
        args: { job },
        changes: ['job', 'run'],
        run: args => workbench.call('cancel', { job: textOf(args, 'job') })
      },
      {
        id: CommandIDs.cancelSweep,
        label: trans.__('Cancel sweep'),
        caption: trans.__('End its trials; what it has found stays'),
        args: { sweep: trans.__('Id of the sweep') },
        changes: ['sweep', 'job', 'run'],
        run: args =>
          workbench.call('sweep cancel', { sweep: textOf(args, 'sweep') })
      },
      {
        id: CommandIDs.retryJob,
        label: trans.__('Try a job again'),
        caption: trans.__('The same notebook, parameters and target'),
        args: { job },
        changes: ['job', 'run'],
        run: args => workbench.call('retry', { job: textOf(args, 'job') })
      }
    ]);
  }
};
