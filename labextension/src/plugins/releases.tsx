import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { ChangedNoun, IReleaseInterval } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { addActions } from './actions';
import { textOf } from './args';
import { addTabs } from './tabs';

/** What a release or a runner changes. */
const CHANGED: readonly ChangedNoun[] = ['release', 'runner', 'window'];

/** Releases approved models, rolls channels back, starts and stops runners, shows what ran when. */
export const releasesPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:releases',
  description:
    'Releases approved models, rolls back, starts and stops runners, shows what ran when.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    restorer: ILayoutRestorer | null
  ): void => {
    const { workbench, trans } = shared;
    const channel = trans.__('The channel: MODEL@STAGE');

    addTabs<readonly IReleaseInterval[]>(app, shared, restorer, {
      namespace: 'histories',
      id: CommandIDs.openHistory,
      label: trans.__('Show what ran when'),
      caption: trans.__('Who approved it, and on which evidence'),
      args: { model: trans.__('A model, or one channel: MODEL@STAGE') },
      show: async args => {
        const model = textOf(args, 'model');
        const { HistoryView } = await import('../rooms/releases/history');
        return {
          id: `mlops-workbench-history-${model}`,
          label: trans.__('History of %1', model),
          nouns: ['release'],
          args: { model },
          fetch: () => workbench.call('history', { model }),
          view: history => (
            <HistoryView room={shared} model={model} history={history} />
          )
        };
      }
    });
    addActions(app.commands, shared, [
      {
        id: CommandIDs.releaseReview,
        label: trans.__('Release an approved model'),
        caption: trans.__('Put the approved bytes on their channel'),
        args: { review: trans.__('Id of the review') },
        changes: CHANGED,
        run: async args => {
          const card = await workbench.call('release', {
            review: textOf(args, 'review')
          });
          Notification.success(
            trans.__('%1 is now at version %2', card.channel, card.version)
          );
        }
      },
      {
        id: CommandIDs.rollBack,
        label: trans.__('Roll back a channel'),
        caption: trans.__('Put the release before back on the channel'),
        args: { channel },
        changes: CHANGED,
        run: async args => {
          const name = textOf(args, 'channel');
          const answer = await showDialog({
            title: trans.__('Roll back %1?', name),
            body: trans.__(
              'The release before answers again; callers notice no gap. The present one stays in the list.'
            ),
            buttons: [
              Dialog.cancelButton({ label: trans.__('Cancel') }),
              Dialog.warnButton({ label: trans.__('Roll back') })
            ]
          });
          if (answer.button.accept) {
            await workbench.call('rollback', { channel: name });
          }
        }
      },
      {
        id: CommandIDs.startRunner,
        label: trans.__('Start the model runner'),
        caption: trans.__('Serve what is released on this channel'),
        args: { channel },
        changes: CHANGED,
        run: args =>
          workbench.call('serve', { channel: textOf(args, 'channel') })
      },
      {
        id: CommandIDs.stopRunner,
        label: trans.__('Stop the model runner'),
        caption: trans.__('Nobody answers on this channel until it is started'),
        args: { channel },
        changes: CHANGED,
        run: args =>
          workbench.call('stop', { channel: textOf(args, 'channel') })
      },
      {
        id: CommandIDs.watchGate,
        label: trans.__('Look whether anything passed by the gate'),
        caption: trans.__(
          'Compare MLflow’s registry and artifacts with what was released'
        ),
        changes: ['release', 'alert'],
        run: () => workbench.call('gate watch', {})
      }
    ]);
  }
};
