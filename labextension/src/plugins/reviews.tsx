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
import type { Tab } from './tab';
import { textOf } from './args';

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
          const { askRequest } = await import('../rooms/reviews/dialogs');
          const asked = await askRequest(shared, textOf(args, 'model'));
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
        const review = textOf(args, 'review');
        const { openTab } = await import('./tab');
        const { ReviewDetailView } = await import('../rooms/reviews/detail');
        await openTab(shell, tabs, shared, {
          id: `mlops-workbench-review-${review}`,
          label: trans.__('Review %1', review),
          nouns: ['review', 'reviewer', 'release'],
          args: { review },
          fetch: () => workbench.call('review show', { review }),
          view: detail => <ReviewDetailView room={shared} detail={detail} />
        });
      },
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

    const decide = (id: string, verdict: 'approve' | 'reject'): Promise<void> =>
      attempt(trans, async () => {
        const { askDecision } = await import('../rooms/reviews/dialogs');
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
      execute: args => decide(textOf(args, 'review'), 'approve'),
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

    commands.addCommand(CommandIDs.rejectReview, {
      label: trans.__('Reject review…'),
      caption: trans.__(
        'Sign with your SSH key that these bytes may not serve'
      ),
      execute: args => decide(textOf(args, 'review'), 'reject'),
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
