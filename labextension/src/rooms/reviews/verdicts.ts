import type { TranslationBundle } from '@jupyterlab/translation';
import type { IReviewCard } from '../../api/contract';

/** What somebody can sign about a review. */
export type Verdict =
  | 'approve'
  | 'changes-requested'
  | 'reject'
  | 'waive'
  | 'override'
  | 'post-review';

/** How a verdict is asked for. */
export interface IAsked {
  readonly title: string;
  /** What one says with the signature. */
  readonly lead: string;
  /** What follows from it, in words. */
  readonly follows: readonly string[];
  /** The word on the button that signs. */
  readonly sign: string;
  /** Characters that the reason needs at least. */
  readonly minimum: number;
}

/** Characters of a reason that others have to be able to judge later; as the server has it. */
const REASON = 20;

/** Return how a verdict is asked for. */
export function askedFor(
  verdict: Verdict,
  review: IReviewCard,
  check: string,
  trans: TranslationBundle
): IAsked {
  const channel = `${review.model}@${review.stage}`;
  const asked: Record<Verdict, IAsked> = {
    approve: {
      title: trans.__('Approve %1', review.model),
      lead: trans.__('You sign with your SSH key that these bytes may serve:'),
      follows: [],
      sign: trans.__('Sign and approve'),
      minimum: 0
    },
    'changes-requested': {
      title: trans.__('Request changes to %1', review.model),
      lead: trans.__(
        'You sign with your SSH key that these bytes need changes first:'
      ),
      follows: [],
      sign: trans.__('Sign and request changes'),
      minimum: 1
    },
    reject: {
      title: trans.__('Reject %1', review.model),
      lead: trans.__(
        'You sign with your SSH key that these bytes may not serve:'
      ),
      follows: [
        trans.__(
          'A rejection is final: another model needs another review, which will name this one.'
        )
      ],
      sign: trans.__('Sign and reject'),
      minimum: 1
    },
    waive: {
      title: trans.__('Waive check %1', check),
      lead: trans.__(
        'You sign with your SSH key that this check need not pass:'
      ),
      follows: [
        trans.__(
          'It holds for these bytes, this policy and these results; checks that run again make it void.'
        ),
        trans.__('It approves nothing: the approvals are still needed.')
      ],
      sign: trans.__('Sign and waive'),
      minimum: REASON
    },
    override: {
      title: trans.__('Break the glass: override for %1', channel),
      lead: trans.__(
        'You sign with your SSH key that these bytes serve now, without the approvals that policy asks for:'
      ),
      follows: [
        trans.__('It ends by itself after 24 hours.'),
        trans.__(
          'Everybody sees it: the release stays red until somebody else has looked at it and signed what they found.'
        ),
        trans.__('Until then nobody can override %1 again.', channel),
        trans.__(
          'Policy lets these people do it: %1',
          review.break_glass.join(', ')
        )
      ],
      sign: trans.__('Sign and override'),
      minimum: REASON
    },
    'post-review': {
      title: trans.__('Look at the override of %1', channel),
      lead: trans.__(
        'You sign with your SSH key what you found when you looked at what was overridden:'
      ),
      follows: [
        trans.__(
          'It ends the red: the release is shown as looked at. It approves nothing.'
        ),
        trans.__(
          'Not for who overrode it, asked for it, trained or wrote the model.'
        )
      ],
      sign: trans.__('Sign the post-review'),
      minimum: REASON
    }
  };
  return asked[verdict];
}
