import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import type { IReviewCard } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';
import { askDecision, askRequest } from '../rooms/reviews/dialogs';
import { ReviewDetailView } from '../rooms/reviews/detail';
import { Tab } from './tab';

/** Requests, shows and decides reviews. */
export const reviewsPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:reviews',
  description: 'Requests, shows and decides reviews.',
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
    const tabs = new WidgetTracker<Tab<IReviewCard>>({
      namespace: 'mlops-workbench-reviews'
    });

    commands.addCommand(CommandIDs.requestReview, {
      label: trans.__('Request a review…'),
      caption: trans.__('Freeze a model, check it and ask somebody to decide'),
      isEnabled: () => workbench.status !== null,
      execute: args =>
        attempt(trans, async () => {
          const asked = await askRequest(shared, String(args['model'] ?? ''));
          if (asked) {
            await workbench.call('review request', {
              model: asked.model,
              to: asked.stage
            });
            await workbench.refreshNouns(new Set(['review'] as const));
          }
        }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            model: {
              type: 'string',
              description: trans.__('Id of the run that made the model')
            }
          }
        }
      }
    });

    commands.addCommand(CommandIDs.openReview, {
      label: trans.__('Open review'),
      execute: async args => {
        const review = String(args['review'] ?? '');
        const id = `mlops-workbench-review-${review}`;
        const known = tabs.find(tab => tab.id === id);
        const tab =
          known ??
          new Tab<IReviewCard>(shared, {
            id,
            label: trans.__('Review %1', review),
            nouns: ['review', 'reviewer', 'release'],
            args: { review },
            fetch: () => workbench.call('review show', { review }),
            view: detail => <ReviewDetailView room={shared} detail={detail} />
          });
        if (!known) {
          shell.add(tab, 'main');
          await tabs.add(tab);
        }
        shell.activateById(id);
      },
      describedBy: {
        args: {
          type: 'object',
          properties: {
            review: { type: 'string', description: trans.__('Id of the review') }
          },
          required: ['review']
        }
      }
    });

    const decide = (
      id: string,
      verdict: 'approve' | 'reject'
    ): Promise<void> =>
      attempt(trans, async () => {
        // What is signed is what the server says now, not what a list said a while ago.
        const review = await workbench.call('review show', { review: id });
        const reason = await askDecision(shared, review, verdict);
        if (reason !== null) {
          await (verdict === 'approve'
            ? workbench.call('review approve', { review: id, reason })
            : workbench.call('review reject', { review: id, reason }));
          await workbench.refreshNouns(new Set(['review'] as const));
        }
      });

    commands.addCommand(CommandIDs.approveReview, {
      label: trans.__('Approve review…'),
      caption: trans.__('Sign with your SSH key that these bytes may serve'),
      execute: args => decide(String(args['review'] ?? ''), 'approve'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            review: { type: 'string', description: trans.__('Id of the review') }
          },
          required: ['review']
        }
      }
    });

    commands.addCommand(CommandIDs.rejectReview, {
      label: trans.__('Reject review…'),
      caption: trans.__('Sign with your SSH key that these bytes may not serve'),
      execute: args => decide(String(args['review'] ?? ''), 'reject'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            review: { type: 'string', description: trans.__('Id of the review') }
          },
          required: ['review']
        }
      }
    });

    palette?.addItem({
      command: CommandIDs.requestReview,
      category: trans.__('MLOps Workbench')
    });
    void restorer?.restore(tabs, {
      command: CommandIDs.openReview,
      args: tab => tab.args,
      name: tab => tab.id
    });
  }
};
