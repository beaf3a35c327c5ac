import type {
  IReproduction,
  IReviewComparison,
  IRunnerCard,
  ISweepCard
} from '../api/contract';

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

export function sweep(part: Partial<ISweepCard> = {}): ISweepCard {
  return {
    id: 'sw-1',
    state: 'RUNNING',
    notebook: 'notebooks/train.ipynb',
    target: 'local',
    metric: 'f1',
    direction: 'maximize',
    sampler: 'tpe',
    pruner: 'none',
    trials: 40,
    parallel: 4,
    running: 4,
    complete: 10,
    pruned: 1,
    failed: 0,
    best_trial: 3,
    best_value: 0.9786,
    best_params: { depth: '6' },
    best_run: 'run-1',
    run: 'run-0',
    name: 'train',
    actor: 'mika@example.org',
    started_at: '2026-11-20T10:00:00Z',
    ended_at: '',
    error: '',
    offer: '',
    history: [],
    ...part
  };
}

export function comparison(
  part: Partial<IReviewComparison> = {}
): IReviewComparison {
  return {
    review: 'rv-1',
    model: 'shuttle',
    stage: 'production',
    champion_digest: 'sha256:cccc',
    champion_version: 3,
    champion_run: 'run-0',
    served_digest: 'sha256:cccc',
    served_version: 3,
    metrics: [
      {
        name: 'holdout',
        candidate: 0.98,
        champion: 0.97,
        low: 0.002,
        high: 0.02,
        is_tested: true
      },
      {
        name: 'f1',
        candidate: 0.98,
        champion: null,
        low: null,
        high: null,
        is_tested: false
      }
    ],
    slice_column: 'shift',
    slices: [{ name: 'night', rows: 120, candidate: 0.9, champion: 0.88 }],
    features: [
      { kind: 'added', name: 'humidity', before: '', after: 'float32' }
    ],
    data: [],
    packages: [{ kind: 'package', name: 'numpy', values: ['2.2', '2.3'] }],
    settings: [],
    commits: [],
    patch: [],
    cells: [],
    notebook: [],
    outputs: [],
    card: [],
    approved_review: '',
    since_approval: [],
    notes: [],
    ...part
  };
}

export function runner(part: Partial<IRunnerCard> = {}): IRunnerCard {
  return {
    channel: 'shuttle@production',
    url: 'http://127.0.0.1:8123',
    pid: 4711,
    is_running: true,
    model_digest: 'sha256:aaaa1111bbbb2222cccc3333',
    release: 'rl-1',
    swaps: 1,
    requests: 8808,
    failures: 0,
    p50_ms: 0.21,
    p99_ms: 1.4,
    refusal: '',
    ...part
  };
}
