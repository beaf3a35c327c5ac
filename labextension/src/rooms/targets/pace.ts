import type { TranslationBundle } from '@jupyterlab/translation';
import type { IJobCard } from '../../api/contract';
import { formatBytes, formatDuration } from '../../parts/figures';
import { jobWord } from '../../parts/words';

/** Return how long a job has run, in seconds; null before it has begun. */
export function elapsedSeconds(job: IJobCard, now: number): number | null {
  const begun = Date.parse(job.started_at);
  const ended = job.ended_at ? Date.parse(job.ended_at) : now;
  return Number.isNaN(begun) ? null : Math.max(0, (ended - begun) / 1000);
}

/** Return how long a job has run, and how long it is likely to take: `12s of about 40s`. */
export function paceText(
  job: IJobCard,
  now: number,
  trans: TranslationBundle
): string {
  const elapsed = elapsedSeconds(job, now);
  if (elapsed === null) {
    return '';
  }
  return (job.expected_s ?? 0) > 0 && !job.ended_at
    ? trans.__(
        '%1 of about %2',
        formatDuration(elapsed),
        formatDuration(job.expected_s)
      )
    : formatDuration(elapsed);
}

/** Return where a job stands while it has not ended, in one line. */
export function standingText(
  job: IJobCard,
  now: number,
  trans: TranslationBundle,
  locale: string
): string {
  const parts = [
    !job.is_reachable && trans.__('%1 does not answer', job.target),
    job.queue_position > 0 && trans.__('Place %1', job.queue_position),
    job.cells > 0
      ? trans.__('Cell %1 of %2', job.cell, job.cells)
      : jobWord(job.state, trans).label,
    job.reason,
    paceText(job, now, trans),
    job.memory_bytes > 0 && formatBytes(job.memory_bytes, locale)
  ];
  return parts.filter(Boolean).join(' · ');
}
