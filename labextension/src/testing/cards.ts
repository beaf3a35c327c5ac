import type {
  IAlertCard,
  ICheckReport,
  IDatasetVersion,
  IFeatureDrift,
  IJobCard,
  IMonitorCard,
  IProjectStatus,
  IReleaseCard,
  IReviewCard,
  IRunCard,
  IRunDetail,
  ITargetCard,
  IWindowCard
} from '../api/contract';

export { runner } from './answers';
import { panelVersion } from '../api/version';

/** Cards as the server sends them; a test names only what it is about. */

export function status(part: Partial<IProjectStatus> = {}): IProjectStatus {
  return {
    name: 'shuttle',
    description: 'Find faults',
    root: '/srv/work/shuttle',
    actor: 'mika@example.org',
    version: panelVersion,
    runs: 2,
    datasets: 1,
    open_jobs: 0,
    open_reviews: 0,
    channels: 0,
    open_alerts: 0,
    journal_seq: 7,
    ...part
  };
}

export function run(part: Partial<IRunCard> = {}): IRunCard {
  return {
    id: 'run-1',
    name: 'train',
    state: 'FINISHED',
    started_at: '2026-11-20T10:00:00Z',
    duration_s: 12,
    actor: 'mika@example.org',
    source: 'notebooks/train.ipynb',
    job: '',
    target: 'local',
    params: { depth: '6' },
    metrics: { f1: 0.9786, loss: 0.2 },
    models: [],
    progress: 1,
    level: 'R0',
    is_starred: false,
    note: '',
    parent: '',
    is_deleted: false,
    ...part
  };
}

export function job(part: Partial<IJobCard> = {}): IJobCard {
  return {
    id: 'jb-1',
    state: 'RUNNING',
    reason: '',
    notebook: 'notebooks/train.ipynb',
    target: 'local',
    attempt: 1,
    actor: 'mika@example.org',
    run: '',
    params: {},
    cell: 2,
    cells: 8,
    submitted_at: '2026-11-20T11:00:00Z',
    started_at: '',
    ended_at: '',
    output: '',
    error: '',
    queue_position: 0,
    is_reachable: true,
    memory_bytes: 0,
    expected_s: 0,
    machine: 'workshop-7',
    ...part
  };
}

export function runDetail(part: Partial<IRunDetail> = {}): IRunDetail {
  return {
    card: run({ models: ['shuttle'] }),
    inputs: [
      {
        path: 'data/train.csv',
        digest: 'sha256:aaaabbbbccccdddd',
        dataset_version: 'data/train.csv@0123456789ab',
        reader: ''
      }
    ],
    commit: '0123456789abcdef+dirty',
    notebook_digest: 'sha256:1111222233334444',
    environment_digest: 'sha256:5555666677778888',
    python: '3.11.9',
    tags: {},
    history: {
      f1: [
        { step: 0, at: '2026-11-20T10:00:01Z', value: 0.5 },
        { step: 1, at: '2026-11-20T10:00:02Z', value: 0.9786 }
      ]
    },
    artifacts: ['models/shuttle/MLmodel'],
    error: '',
    unversioned: [],
    resumes: '',
    offer: '',
    ...part
  };
}

export function dataset(part: Partial<IDatasetVersion> = {}): IDatasetVersion {
  return {
    id: 'data/train.csv@0123456789ab',
    path: 'data/train.csv',
    digest: 'md5:0123456789abcdef0123456789abcdef',
    size: 1_234_567,
    files: 1,
    rows: 29_458,
    columns: {},
    message: 'first delivery',
    actor: 'mika@example.org',
    created_at: '2026-11-20T09:00:00Z',
    is_current: true,
    link: '',
    data_class: '',
    ...part
  };
}

export function target(part: Partial<ITargetCard> = {}): ITargetCard {
  return {
    name: 'local',
    kind: 'local',
    is_ready: true,
    checks: [{ name: 'disk', is_ok: true, message: '52 GB free', hint: '' }],
    capabilities: [],
    refusals: {},
    cpus: 2,
    memory_bytes: 8e9,
    free_disk_bytes: 52e9,
    running_jobs: 0,
    price_per_hour: '0 JPY, own machine, 2026-11',
    cpus_free: -1,
    gpus: 0,
    gpus_free: -1,
    queued_jobs: -1,
    quota: '',
    checked_at: '',
    ...part
  };
}

export function check(part: Partial<ICheckReport> = {}): ICheckReport {
  return {
    name: 'metric',
    result: 'pass',
    is_required: true,
    summary: 'f1 0.979 [0.971, 0.985], baseline 0.90',
    evidence_digest: 'sha256:eeee000011112222',
    duration_s: 1.2,
    tool: 'workbench 0.1.0',
    figures: { estimate: 0.979 },
    where: '',
    ...part
  };
}

export function review(part: Partial<IReviewCard> = {}): IReviewCard {
  return {
    id: 'rv-1',
    model: 'shuttle',
    stage: 'production',
    state: 'OPEN',
    run: 'run-1',
    model_digest: 'sha256:aaaa1111bbbb2222cccc3333',
    policy_digest: 'sha256:dddd4444eeee5555ffff6666',
    evidence_digest: 'sha256:7777888899990000aaaabbbb',
    dataset_version: 'data/train.csv@0123456789ab',
    commit: '0123456789abcdef',
    notebook_digest: 'sha256:1111',
    environment_digest: 'sha256:2222',
    requester: 'mika@example.org',
    author: 'mika@example.org',
    requested_at: '2026-11-20T12:00:00Z',
    checks: [
      check(),
      check({ name: 'format', result: 'fail', summary: 'pickle' })
    ],
    decisions: [],
    needed: ['1 approval by somebody other than mika@example.org'],
    metrics: { f1: 0.979 },
    comments: [],
    follows: '',
    overridden_until: '',
    owes_post_review: false,
    remarks: [],
    checked_by: [],
    assurance: '',
    names: '',
    waivable: [],
    break_glass: [],
    ...part
  };
}

export function release(part: Partial<IReleaseCard> = {}): IReleaseCard {
  return {
    id: 'rl-1',
    channel: 'shuttle@production',
    model: 'shuttle',
    model_digest: 'sha256:aaaa1111bbbb2222cccc3333',
    review: 'rv-1',
    state: 'CURRENT',
    version: 1,
    approvers: ['ren@example.org'],
    assurance: 'local-signed',
    actor: 'mika@example.org',
    released_at: '2026-11-20T13:00:00Z',
    faults: [],
    names: 'signed',
    ...part
  };
}

export function drift(part: Partial<IFeatureDrift> = {}): IFeatureDrift {
  return {
    name: 'rad_flow',
    statistic: 0.42,
    p_value: 0.0001,
    is_drifted: true,
    reference_mean: 1,
    window_mean: 2,
    missing: 0,
    outside: 0,
    cause: 'distribution',
    ...part
  };
}

export function driftWindow(part: Partial<IWindowCard> = {}): IWindowCard {
  return {
    channel: 'shuttle@production',
    index: 0,
    model_digest: 'sha256:aaaa1111bbbb2222cccc3333',
    started_at: '2026-11-20T14:00:00Z',
    ended_at: '2026-11-20T14:05:00Z',
    rows: 500,
    is_drifted: true,
    features: [
      drift(),
      drift({ name: 'high_gain', statistic: 0.03, is_drifted: false })
    ],
    predictions: {},
    prediction_drift: 0.1,
    ...part
  };
}

export function monitor(part: Partial<IMonitorCard> = {}): IMonitorCard {
  return {
    channel: 'shuttle@production',
    model_digest: 'sha256:aaaa1111bbbb2222cccc3333',
    reference_rows: 29_458,
    rows_seen: 1500,
    windows: [driftWindow({ index: 1 }), driftWindow({ is_drifted: false })],
    alerts: [],
    ...part
  };
}

export function alert(part: Partial<IAlertCard> = {}): IAlertCard {
  return {
    id: 'al-1',
    channel: 'shuttle@production',
    kind: 'drift',
    severity: 'warning',
    state: 'OPEN',
    title: 'rad_flow has drifted in 2 of the last 3 windows',
    action: 'mlops monitor check shuttle@production',
    raised_at: '2026-11-20T14:05:00Z',
    last_seen_at: '2026-11-20T14:10:00Z',
    count: 2,
    ...part
  };
}
