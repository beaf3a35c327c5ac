import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { ChangedNoun } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';
import { textOf } from './args';

/** What a release or a runner changes. */
const CHANGED: readonly ChangedNoun[] = ['release', 'runner', 'window'];

/** Releases approved models, rolls channels back, starts and stops runners. */
export const releasesPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:releases',
  description:
    'Releases approved models, rolls back, starts and stops runners.',
  autoStart: true,
  requires: [IWorkbench],
  activate: (app: JupyterFrontEnd, shared: IWorkbench): void => {
    const { workbench, trans } = shared;
    const { commands } = app;
    const refresh = (): Promise<void> =>
      workbench.refreshNouns(new Set(CHANGED));
    const channelArgs = {
      type: 'object',
      properties: {
        channel: {
          type: 'string',
          description: trans.__('The channel: MODEL@STAGE')
        }
      },
      required: ['channel']
    };

    commands.addCommand(CommandIDs.releaseReview, {
      label: trans.__('Release an approved model'),
      caption: trans.__('Put the approved bytes on their channel'),
      execute: args =>
        attempt(trans, async () => {
          const card = await workbench.call('release', {
            review: textOf(args, 'review')
          });
          Notification.success(
            trans.__('%1 is now at version %2', card.channel, card.version)
          );
          await refresh();
        }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            review: {
              type: 'string',
              description: trans.__('Id of the review')
            }
          },
          required: ['review']
        }
      }
    });

    commands.addCommand(CommandIDs.rollBack, {
      label: trans.__('Roll back a channel'),
      caption: trans.__('Put the release before back on the channel'),
      execute: args =>
        attempt(trans, async () => {
          const channel = textOf(args, 'channel');
          const answer = await showDialog({
            title: trans.__('Roll back %1?', channel),
            body: trans.__(
              'The release before answers again; callers notice no gap. The present one stays in the list.'
            ),
            buttons: [
              Dialog.cancelButton({ label: trans.__('Cancel') }),
              Dialog.warnButton({ label: trans.__('Roll back') })
            ]
          });
          if (answer.button.accept) {
            await workbench.call('rollback', { channel });
            await refresh();
          }
        }),
      describedBy: { args: channelArgs }
    });

    commands.addCommand(CommandIDs.startRunner, {
      label: trans.__('Start the model runner'),
      caption: trans.__('Serve what is released on this channel'),
      execute: args =>
        attempt(trans, async () => {
          await workbench.call('serve', {
            channel: textOf(args, 'channel')
          });
          await refresh();
        }),
      describedBy: { args: channelArgs }
    });

    commands.addCommand(CommandIDs.stopRunner, {
      label: trans.__('Stop the model runner'),
      caption: trans.__('Nobody answers on this channel until it is started'),
      execute: args =>
        attempt(trans, async () => {
          await workbench.call('stop', {
            channel: textOf(args, 'channel')
          });
          await refresh();
        }),
      describedBy: { args: channelArgs }
    });
  }
};
