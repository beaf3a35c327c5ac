import type { IReproduction } from '../api/contract';

/** Answers about one thing, as the server sends them; a test names only what it is about. */

export function proof(part: Partial<IReproduction> = {}): IReproduction {
  return {
    run: 'run-1',
    level: 'R1',
    recorded_level: 'R1',
    is_stale: false,
    evidence: [
      {
        level: 'R2',
        name: 'inputs',
        result: 'fail',
        summary: 'data/a.csv is gone',
        hint: 'mlops data restore'
      }
    ],
    mismatches: [],
    jobs: [],
    replays: [],
    checked_at: '2026-11-20T10:00:00Z',
    ...part
  };
}
