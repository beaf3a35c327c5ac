import type { TranslationBundle } from '@jupyterlab/translation';
import type {
  AlertState,
  Assurance,
  CheckResult,
  JobState,
  ReleaseState,
  ReviewState,
  RunState
} from '../api/contract';

/** How a state is to be taken; decides shape and colour together, so that neither stands alone. */
export type Tone = 'good' | 'busy' | 'wait' | 'warn' | 'bad' | 'idle';

/** A state as a person reads it. */
export interface IWord {
  readonly tone: Tone;
  readonly label: string;
}

/** Return the word for a run's state. */
export function runWord(state: RunState, trans: TranslationBundle): IWord {
  const words: Record<RunState, IWord> = {
    RUNNING: { tone: 'busy', label: trans.__('Running') },
    FINISHED: { tone: 'good', label: trans.__('Finished') },
    FAILED: { tone: 'bad', label: trans.__('Failed') },
    KILLED: { tone: 'warn', label: trans.__('Killed') },
    LOST: { tone: 'warn', label: trans.__('Lost') }
  };
  return words[state] ?? unknownWord(state);
}

/** Return the word for a job's state. */
export function jobWord(state: JobState, trans: TranslationBundle): IWord {
  const words: Record<JobState, IWord> = {
    PENDING: { tone: 'wait', label: trans.__('Pending') },
    QUEUED: { tone: 'wait', label: trans.__('Queued') },
    STARTING: { tone: 'busy', label: trans.__('Starting') },
    RUNNING: { tone: 'busy', label: trans.__('Running') },
    SUCCEEDED: { tone: 'good', label: trans.__('Succeeded') },
    FAILED: { tone: 'bad', label: trans.__('Failed') },
    CANCELLED: { tone: 'idle', label: trans.__('Cancelled') },
    LOST: { tone: 'warn', label: trans.__('Lost') },
    PREEMPTED: { tone: 'warn', label: trans.__('Preempted') }
  };
  return words[state] ?? unknownWord(state);
}

/** Return the word for a review's state. */
export function reviewWord(
  state: ReviewState,
  trans: TranslationBundle
): IWord {
  const words: Record<ReviewState, IWord> = {
    CHECKING: { tone: 'busy', label: trans.__('Checking') },
    OPEN: { tone: 'wait', label: trans.__('In review') },
    CHANGES_REQUESTED: {
      tone: 'warn',
      label: trans.__('Changes requested')
    },
    APPROVED: { tone: 'good', label: trans.__('Approved') },
    REJECTED: { tone: 'bad', label: trans.__('Rejected') },
    STALE: { tone: 'warn', label: trans.__('Stale') }
  };
  return words[state] ?? unknownWord(state);
}

/** Return the word for a release's state. */
export function releaseWord(
  state: ReleaseState,
  trans: TranslationBundle
): IWord {
  const words: Record<ReleaseState, IWord> = {
    CURRENT: { tone: 'good', label: trans.__('Current') },
    SUPERSEDED: { tone: 'idle', label: trans.__('Superseded') },
    ROLLED_BACK: { tone: 'warn', label: trans.__('Rolled back') }
  };
  return words[state] ?? unknownWord(state);
}

/** Return the word for an alert's state. */
export function alertWord(state: AlertState, trans: TranslationBundle): IWord {
  const words: Record<AlertState, IWord> = {
    OPEN: { tone: 'warn', label: trans.__('Open') },
    ACKNOWLEDGED: { tone: 'wait', label: trans.__('Acknowledged') },
    RESOLVED: { tone: 'good', label: trans.__('Resolved') }
  };
  return words[state] ?? unknownWord(state);
}

/** Return the word for a check's result. */
export function checkWord(
  result: CheckResult,
  trans: TranslationBundle
): IWord {
  const words: Record<CheckResult, IWord> = {
    pass: { tone: 'good', label: trans.__('Passed') },
    fail: { tone: 'bad', label: trans.__('Not passed') },
    unknown: { tone: 'warn', label: trans.__('Unknown') },
    waived: { tone: 'idle', label: trans.__('Waived') }
  };
  return words[result] ?? unknownWord(result);
}

/** Return the word for what somebody decided. */
export function verdictWord(verdict: string, trans: TranslationBundle): IWord {
  const words: Record<string, IWord> = {
    approve: { tone: 'good', label: trans.__('Approved') },
    reject: { tone: 'bad', label: trans.__('Rejected') },
    'changes-requested': {
      tone: 'warn',
      label: trans.__('Changes requested')
    },
    waive: { tone: 'idle', label: trans.__('Waived') },
    override: { tone: 'bad', label: trans.__('Overridden') },
    'post-review': { tone: 'good', label: trans.__('Looked at afterwards') }
  };
  return words[verdict] ?? { tone: 'idle', label: verdict };
}

/** Return what an approval proves, in a few words. */
export function assuranceText(
  assurance: string,
  trans: TranslationBundle
): string {
  const texts: Record<Assurance, string> = {
    'local-self': trans.__('Signed by the author'),
    'local-signed': trans.__('Signed by another key on this machine'),
    'ci-verified': trans.__('Verified by CI'),
    'server-enforced': trans.__('Enforced by a server')
  };
  return texts[assurance as Assurance] ?? assurance;
}

/** Return whether the names of requester, author and the others stand under keys; empty where nobody knows. */
export function namesText(names: string, trans: TranslationBundle): string {
  const texts: Record<string, string> = {
    signed: trans.__('names signed for'),
    claimed: trans.__('names only claimed')
  };
  return texts[names] ?? '';
}

function unknownWord(state: string): IWord {
  return { tone: 'idle', label: state };
}

/** Return what a piece of evidence for a level looks at; a name that is not known here stays as it is. */
export function evidenceWord(name: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    cells: trans._p('evidence', 'cells'),
    order: trans._p('evidence', 'order'),
    code: trans._p('evidence', 'code'),
    reads: trans._p('evidence', 'files read'),
    inputs: trans._p('evidence', 'inputs'),
    environment: trans._p('evidence', 'environment'),
    replay: trans._p('evidence', 'replay'),
    chain: trans._p('evidence', 'cells of the replay'),
    packages: trans._p('evidence', 'packages'),
    parameters: trans._p('evidence', 'parameters'),
    metrics: trans._p('evidence', 'metrics')
  };
  return words[name] ?? name;
}

/** Return the kind of a part in which a run and what was found differ. */
export function partWord(part: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    input: trans._p('mismatch', 'input'),
    package: trans._p('mismatch', 'package'),
    param: trans._p('mismatch', 'parameter'),
    cell: trans._p('mismatch', 'cell'),
    metric: trans._p('mismatch', 'metric'),
    code: trans._p('mismatch', 'code'),
    randomness: trans._p('mismatch', 'randomness'),
    clock: trans._p('mismatch', 'clock')
  };
  return words[part] ?? part;
}
