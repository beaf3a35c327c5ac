import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { ChangedNoun } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';
import { textOf } from './args';

/** What looking for drift changes. */
const CHANGED: readonly ChangedNoun[] = ['window', 'alert'];

/** Looks for drift and takes care of alerts. */
export const monitorPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:monitor',
  description: 'Looks for drift and takes care of alerts.',
  autoStart: true,
  requires: [IWorkbench],
  activate: (app: JupyterFrontEnd, shared: IWorkbench): void => {
    const { workbench, trans } = shared;
    const { commands } = app;
    const refresh = (): Promise<void> =>
      workbench.refreshNouns(new Set(CHANGED));
    const alertArgs = {
      type: 'object',
      properties: {
        alert: { type: 'string', description: trans.__('Id of the alert') }
      },
      required: ['alert']
    };

    commands.addCommand(CommandIDs.checkDrift, {
      label: trans.__('Look for drift now'),
      caption: trans.__('Cut new windows and compare them with the reference'),
      execute: args =>
        attempt(trans, async () => {
          const card = await workbench.call('monitor check', {
            channel: textOf(args, 'channel')
          });
          if (card.windows.length === 0) {
            Notification.info(
              trans.__('Not enough predictions for a window yet')
            );
          }
          await refresh();
        }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            channel: {
              type: 'string',
              description: trans.__('The channel: MODEL@STAGE')
            }
          },
          required: ['channel']
        }
      }
    });

    commands.addCommand(CommandIDs.acknowledgeAlert, {
      label: trans.__('Acknowledge alert'),
      caption: trans.__('Say that you are on it'),
      execute: args =>
        attempt(trans, async () => {
          await workbench.call('alerts acknowledge', {
            alert: textOf(args, 'alert')
          });
          await refresh();
        }),
      describedBy: { args: alertArgs }
    });

    commands.addCommand(CommandIDs.resolveAlert, {
      label: trans.__('Resolve alert'),
      caption: trans.__('Say that it is mended'),
      execute: args =>
        attempt(trans, async () => {
          await workbench.call('alerts resolve', {
            alert: textOf(args, 'alert')
          });
          await refresh();
        }),
      describedBy: { args: alertArgs }
    });
  }
};
