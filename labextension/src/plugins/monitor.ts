import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { ChangedNoun } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { addActions } from './actions';
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
    const alert = trans.__('Id of the alert');

    addActions(app.commands, shared, [
      {
        id: CommandIDs.checkDrift,
        label: trans.__('Look for drift now'),
        caption: trans.__(
          'Cut new windows and compare them with the reference'
        ),
        args: { channel: trans.__('The channel: MODEL@STAGE') },
        changes: CHANGED,
        run: async args => {
          const card = await workbench.call('monitor check', {
            channel: textOf(args, 'channel')
          });
          if (card.windows.length === 0) {
            Notification.info(
              trans.__('Not enough predictions for a window yet')
            );
          }
        }
      },
      {
        id: CommandIDs.acknowledgeAlert,
        label: trans.__('Acknowledge alert'),
        caption: trans.__('Say that you are on it'),
        args: { alert },
        changes: CHANGED,
        run: args =>
          workbench.call('alerts acknowledge', { alert: textOf(args, 'alert') })
      },
      {
        id: CommandIDs.resolveAlert,
        label: trans.__('Resolve alert'),
        caption: trans.__('Say that it is mended'),
        args: { alert },
        changes: CHANGED,
        run: args =>
          workbench.call('alerts resolve', { alert: textOf(args, 'alert') })
      }
    ]);
  }
};
