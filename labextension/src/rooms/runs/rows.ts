import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Figure, IJobCard, IRunCard, JobState } from '../../api/contract';
import type { IWord } from '../../parts/words';
import { jobWord, runWord } from '../../parts/words';

/** One line of the list: a run, the job it runs in, or both. */
export interface IRunRow {
  /**
   * The run's id, or the job's where there is no run yet. A row keeps it while lists come in one after the other: with
   * another key it would be another node, and a click that began on the old one would be lost.
   */
  readonly key: string;
  readonly name: string;
  readonly run: IRunCard | null;
  readonly job: IJobCard | null;
  /** UTC time by which the list is ordered. */
  readonly at: string;
}

const LIVE_JOBS: ReadonlySet<JobState> = new Set<JobState>([
  'PENDING',
  'QUEUED',
  'STARTING',
  'RUNNING'
]);

/** Metrics that decide, in the order in which one is shown where a run has several. */
const TELLING = [
  'f1',
  'roc_auc',
  'auc',
  'accuracy',
  'r2',
  'rmse',
  'mae',
  'mse',
  'loss'
];

/**
 * Return runs and jobs as one list, the newest first: a job and its run are one line.
 *
 * @param isAsked Whether somebody asked for these runs in this order; then nothing is added or moved.
 */
export function runRows(
  runs: readonly IRunCard[],
  jobs: readonly IJobCard[],
  isAsked = false
): readonly IRunRow[] {
  const known = new Set(runs.map(run => run.id));
  const jobOf = new Map(jobs.map(job => [job.run || job.id, job]));
  const jobById = new Map(jobs.map(job => [job.id, job]));
  const rows = runs.map(run => ({
    key: run.id,
    name: run.name,
    run,
    job: jobById.get(run.job) ?? jobOf.get(run.id) ?? null,
    at: run.started_at
  }));
  if (isAsked) {
    return rows;
  }
  const taken = new Set(rows.map(row => row.job?.id));
  const alone = jobs
    .filter(job => !known.has(job.run) && !taken.has(job.id))
    // The run of a job that has ended is further down the list, or was deleted: then its job is no line of its own.
    .filter(job => !job.run || LIVE_JOBS.has(job.state) || runs.length === 0)
    .map(job => ({
      key: job.run || job.id,
      // What the run will be called, so that nothing jumps when it begins.
      name: PathExt.basename(job.notebook, PathExt.extname(job.notebook)),
      run: null,
      job,
      at: job.submitted_at
    }));
  return [...rows, ...alone].sort((a, b) => b.at.localeCompare(a.at));
}

/** Whether the line's job can still be cancelled. */
export function isLive(row: IRunRow): boolean {
  return row.job !== null && LIVE_JOBS.has(row.job.state);
}

/** Return the word for a line's state: the run's, unless only its job is known. */
export function rowWord(row: IRunRow, trans: TranslationBundle): IWord {
  if (row.run) {
    return runWord(row.run.state, trans);
  }
  return row.job
    ? jobWord(row.job.state, trans)
    : { tone: 'idle', label: trans.__('Unknown') };
}

/** Return the share that is done: counted in cells where there is a job; null where nobody knows. */
export function rowProgress(row: IRunRow): Figure {
  if (row.job) {
    return row.job.cells > 0 ? row.job.cell / row.job.cells : null;
  }
  return row.run?.progress ?? null;
}

/** Return the metric that tells most of a run. */
export function keyMetric(run: IRunCard): readonly [string, Figure] | null {
  const names = Object.keys(run.metrics);
  const rank = (name: string): number => {
    const index = TELLING.findIndex(
      word => name === word || name.endsWith(`_${word}`)
    );
    return index < 0 ? TELLING.length : index;
  };
  const best = names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))[0];
  return best === undefined ? null : [best, run.metrics[best] ?? null];
}
