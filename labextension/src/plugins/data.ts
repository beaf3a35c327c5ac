import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  InputDialog,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';
import { textOf } from './args';

/** Records files as dataset versions and brings them back. */
export const dataPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:data',
  description: 'Records files as dataset versions and brings them back.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    palette: ICommandPalette | null
  ): void => {
    const { workbench, trans } = shared;
    const { commands } = app;

    commands.addCommand(CommandIDs.recordData, {
      label: trans.__('Record a dataset version…'),
      caption: trans.__('Fix the bytes of a file or folder with DVC'),
      isEnabled: () => workbench.status !== null,
      execute: args =>
        attempt(trans, async () => {
          const path =
            textOf(args, 'path') ||
            (
              await InputDialog.getText({
                title: trans.__('Record a dataset version'),
                label: trans.__('File or folder, relative to the project'),
                okLabel: trans.__('Record'),
                cancelLabel: trans.__('Cancel')
              })
            ).value;
          if (path) {
            const [version] = await workbench.call('data snapshot', {
              paths: [path]
            });
            Notification.success(trans.__('Recorded %1', version?.id ?? path));
            await workbench.refreshNouns(new Set(['data'] as const));
          }
        }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: {
              type: 'string',
              description: trans.__('Path relative to the project')
            }
          }
        }
      }
    });

    commands.addCommand(CommandIDs.restoreData, {
      label: trans.__('Restore a dataset version'),
      caption: trans.__('Put these bytes back into the working folder'),
      execute: args =>
        attempt(trans, async () => {
          const version = textOf(args, 'version');
          const answer = await showDialog({
            title: trans.__('Restore this dataset version?'),
            body: trans.__(
              '%1 takes the place of the file in the working folder.',
              version
            ),
            buttons: [
              Dialog.cancelButton({ label: trans.__('Cancel') }),
              Dialog.okButton({ label: trans.__('Restore') })
            ]
          });
          if (answer.button.accept) {
            await workbench.call('data restore', { version });
            await workbench.refreshNouns(new Set(['data'] as const));
          }
        }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            version: {
              type: 'string',
              description: trans.__('Id of the dataset version')
            }
          },
          required: ['version']
        }
      }
    });

    palette?.addItem({
      command: CommandIDs.recordData,
      category: trans.__('MLOps Workbench')
    });
  }
};
