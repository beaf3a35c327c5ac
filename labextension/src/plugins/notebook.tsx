import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { CommandIDs } from '../model/commands';
import { projectPath } from '../model/location';
import type { IParameter } from '../model/parameters';
import { declaredParameters } from '../model/parameters';
import { IWorkbench } from '../model/tokens';
import { workbenchIcon } from '../parts/icons';
import { attempt } from '../parts/notify';
import { FormWidget } from '../parts/widget';
import type { ISubmission } from '../rooms/runs/submit';
import { SubmitForm } from '../rooms/runs/submit';
import { textOf } from './args';

/** What is done with the open notebook: run it on a target, put a cell into it. */
export const notebookPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:notebook',
  description: 'Runs the open notebook on a target and inserts cells into it.',
  autoStart: true,
  requires: [IWorkbench, INotebookTracker],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;
    const { trans } = shared;

    commands.addCommand(CommandIDs.runNotebook, {
      label: trans.__('Run notebook on a target…'),
      caption: trans.__('Run this notebook as a job that outlives the browser'),
      icon: workbenchIcon,
      isEnabled: () => notebooks.currentWidget !== null,
      execute: () =>
        attempt(trans, async () => {
          if (notebooks.currentWidget) {
            await runNotebook(shared, notebooks.currentWidget);
          }
        }),
      describedBy: { args: { type: 'object', properties: {} } }
    });

    commands.addCommand(CommandIDs.insertCell, {
      label: trans.__('Insert a cell into the notebook'),
      caption: trans.__('Below the active cell of the open notebook'),
      isEnabled: () => notebooks.currentWidget !== null,
      execute: args => {
        const panel = notebooks.currentWidget;
        if (panel) {
          NotebookActions.insertBelow(panel.content);
          panel.content.activeCell?.model.sharedModel.setSource(
            textOf(args, 'source')
          );
          app.shell.activateById(panel.id);
        }
      },
      describedBy: {
        args: {
          type: 'object',
          properties: {
            source: {
              type: 'string',
              description: trans.__('Source of the cell')
            }
          },
          required: ['source']
        }
      }
    });

    notebooks.currentChanged.connect(() => {
      commands.notifyCommandChanged(CommandIDs.runNotebook);
      commands.notifyCommandChanged(CommandIDs.insertCell);
    });
    palette?.addItem({
      command: CommandIDs.runNotebook,
      category: trans.__('MLOps Workbench')
    });
  }
};

/** Save the notebook, ask where and with what, and submit it. */
async function runNotebook(
  shared: IWorkbench,
  panel: NotebookPanel
): Promise<void> {
  const { workbench, trans, feed } = shared;
  await workbench.locate(shared.localPath(panel.context.path));
  await feed.start();
  await workbench.check();
  if (!workbench.status) {
    await shared.commands.execute(CommandIDs.showPanel);
    return;
  }
  await workbench.targets.refresh();
  await panel.context.save();
  const submission = await askSubmission(shared, panel);
  if (!submission) {
    return;
  }
  const job = await workbench.call('run', {
    notebook: projectPath(workbench.status.root, workbench.location),
    params: submission.params,
    target: submission.target
  });
  Notification.info(trans.__('Job %1 submitted to %2', job.id, job.target), {
    autoClose: 4000
  });
  await workbench.refreshNouns(new Set(['job', 'run'] as const));
}

async function askSubmission(
  shared: IWorkbench,
  panel: NotebookPanel
): Promise<ISubmission | null> {
  const { workbench, trans } = shared;
  const targets = workbench.targets.value ?? [];
  const parameters = parametersOf(panel);
  const first = targets.find(target => target.is_ready) ?? targets[0];
  const result = await showDialog<ISubmission>({
    title: trans.__('Run notebook'),
    body: new FormWidget<ISubmission>(
      { target: first?.name ?? 'local', params: {} },
      (value, onChange) => (
        <SubmitForm
          notebook={PathExt.basename(panel.context.path)}
          targets={targets}
          parameters={parameters}
          value={value}
          trans={trans}
          onChange={onChange}
        />
      )
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Run notebook') })
    ]
  });
  return result.button.accept ? result.value : null;
}

function parametersOf(panel: NotebookPanel): readonly IParameter[] {
  const cells = [...(panel.content.model?.cells ?? [])];
  return declaredParameters(
    cells.map(cell => {
      const tags: unknown = cell.getMetadata('tags');
      return {
        tags: Array.isArray(tags) ? tags.map(String) : [],
        source: cell.sharedModel.getSource()
      };
    })
  );
}
