import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { ChangedNoun, IReviewCard } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import type { Verdict } from '../rooms/reviews/verdicts';
import type { IAction } from './actions';
import { addActions } from './actions';
import { textOf } from './args';
import { addTabs } from './tabs';

/** What a decision changes: an override makes a release red, and a post-review ends that. */
const CHANGED: readonly ChangedNoun[] = ['review', 'release'];

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
    const review = trans.__('Id of the review');

    addTabs<IReviewCard>(app, shared, restorer, {
      namespace: 'reviews',
      id: CommandIDs.openReview,
      label: trans.__('Open review'),
      args: { review },
      show: async args => {
        const id = textOf(args, 'review');
        const { ReviewDetailView } = await import('../rooms/reviews/detail');
        return {
          id: `mlops-workbench-review-${id}`,
          label: trans.__('Review %1', id),
          nouns: ['review', 'reviewer', 'release'],
          args: { review: id },
          fetch: () => workbench.call('review show', { review: id }),
          view: detail => <ReviewDetailView room={shared} detail={detail} />
        };
      }
    });
    addActions(app.commands, shared, [
      {
        id: CommandIDs.requestReview,
        label: trans.__('Request a review…'),
        caption: trans.__(
          'Freeze a model, check it and ask somebody to decide'
        ),
        isEnabled: () => workbench.status !== null,
        options: { model: trans.__('Id of the run that made the model') },
        changes: CHANGED,
        run: async args => {
          const { askRequest } = await import('../rooms/reviews/dialogs');
          const asked = await askRequest(shared, textOf(args, 'model'));
          if (asked) {
            await workbench.call('review request', {
              model: asked.model,
              to: asked.stage
            });
          }
        }
      },
      {
        id: CommandIDs.commentReview,
        label: trans.__('Comment on a review…'),
        caption: trans.__('Say something to its author; it decides nothing'),
        args: { review },
        options: { on: trans.__('check:NAME, metric:NAME or cell:ID') },
        changes: CHANGED,
        run: async args => {
          const { say } = await import('../rooms/reviews/dialogs');
          const id = textOf(args, 'review');
          const shown = await workbench.call('review show', { review: id });
          await say(shared, shown, textOf(args, 'on'));
        }
      },
      ...decisions(shared)
    ]);
    palette?.addItem({
      command: CommandIDs.requestReview,
      category: trans.__('MLOps Workbench')
    });
  }
};

/** What can be signed, each in its own dialog. */
function decisions(shared: IWorkbench): readonly IAction[] {
  const { workbench, trans } = shared;
  const action = (
    id: string,
    verdict: Verdict,
    label: string,
    caption: string
  ): IAction => ({
    id,
    label,
    caption,
    args: { review: trans.__('Id of the review') },
    options:
      verdict === 'waive' ? { check: trans.__('Name of the check') } : {},
    changes: CHANGED,
    run: async args => {
      const { decide } = await import('../rooms/reviews/dialogs');
      // What is signed is what the server says now, not what a list said a while ago.
      const review = await workbench.call('review show', {
        review: textOf(args, 'review')
      });
      await decide(shared, review, verdict, textOf(args, 'check'));
    }
  });
  return [
    action(
      CommandIDs.approveReview,
      'approve',
      trans.__('Approve review…'),
      trans.__('Sign with your SSH key that these bytes may serve')
    ),
    action(
      CommandIDs.requestChanges,
      'changes-requested',
      trans.__('Request changes…'),
      trans.__('Sign with your SSH key that these bytes need changes first')
    ),
    action(
      CommandIDs.rejectReview,
      'reject',
      trans.__('Reject review…'),
      trans.__('Sign with your SSH key that these bytes may not serve')
    ),
    action(
      CommandIDs.waiveCheck,
      'waive',
      trans.__('Waive a check…'),
      trans.__('Sign with your SSH key that this check need not pass')
    ),
    action(
      CommandIDs.overrideReview,
      'override',
      trans.__('Override…'),
      trans.__('Break the glass: let it through for 24 hours')
    ),
    action(
      CommandIDs.postReview,
      'post-review',
      trans.__('Look at an override afterwards…'),
      trans.__('Sign what you found; until then it stays red')
    )
  ];
}
