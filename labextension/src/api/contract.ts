/**
 * What crosses the border between the panel and the server extension.
 *
 * Generated from workbench/verbs.py and workbench/contract/; do not edit.
 * Regenerate: python -m workbench.doors.server.typescript
 */

/** A number, or null where it is not finite: JSON has no word for NaN. */
export type Figure = number | null;

/** What may have changed: the first word of a journal event's kind, and what is watched beside the journal. */
export const changedNouns = [
  'project',
  'data',
  'job',
  'run',
  'review',
  'reviewer',
  'release',
  'runner',
  'window',
  'alert',
  'report'
] as const;
export type ChangedNoun = (typeof changedNouns)[number];

/** State of a tracked run; MLflow's words, and LOST for one that stopped answering on another host. */
export const runStates = [
  'RUNNING',
  'FINISHED',
  'FAILED',
  'KILLED',
  'LOST'
] as const;
export type RunState = (typeof runStates)[number];

/** State of a job on a target. LOST (no answer) is not FAILED (a known bad end). */
export const jobStates = [
  'PENDING',
  'QUEUED',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'LOST',
  'PREEMPTED'
] as const;
export type JobState = (typeof jobStates)[number];

/** Outcome of one check; a required check that is UNKNOWN blocks. */
export const checkResults = ['pass', 'fail', 'unknown', 'waived'] as const;
export type CheckResult = (typeof checkResults)[number];

/** State of a review. */
export const reviewStates = [
  'CHECKING',
  'OPEN',
  'APPROVED',
  'REJECTED',
  'STALE'
] as const;
export type ReviewState = (typeof reviewStates)[number];

/** State of a release on its channel. */
export const releaseStates = ['CURRENT', 'SUPERSEDED', 'ROLLED_BACK'] as const;
export type ReleaseState = (typeof releaseStates)[number];

/** State of an alert. */
export const alertStates = ['OPEN', 'ACKNOWLEDGED', 'RESOLVED'] as const;
export type AlertState = (typeof alertStates)[number];

/** How much a decision proves, weakest first; shown as what it is. */
export const assurances = [
  'local-self',
  'local-signed',
  'ci-verified',
  'server-enforced'
] as const;
export type Assurance = (typeof assurances)[number];

/** Something in a project is not what it was; read the named nouns again. */
export interface IChange {
  /** Absolute path of the project, as `ProjectStatus.root` says it. */
  readonly root: string;
  /** What changed; each a ChangedNoun. */
  readonly nouns: readonly ChangedNoun[];
  /** Number of journal events; it does not rise where only progress was made. */
  readonly seq: number;
}

/** One version of one dataset. */
export interface IDatasetVersion {
  /** `<path>@<first 12 hex digits of the digest>`. */
  readonly id: string;
  /** Relative to the project; `<path>.dvc` lies beside it. */
  readonly path: string;
  /** DVC's `md5:…` (`.dir` for folders): what `dvc` itself calls these bytes. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Number of files. */
  readonly files: number;
  /** Rows, where it is one table; else None. */
  readonly rows: number | null;
  /** Column names and types, where it is one table. */
  readonly columns: Readonly<Record<string, string>>;
  /** What the author said of it. */
  readonly message: string;
  /** Who took it. */
  readonly actor: string;
  /** UTC time. */
  readonly created_at: string;
  /** Whether the working tree holds this version now. */
  readonly is_current: boolean;
}

/** A target as a list shows it. */
export interface ITargetCard {
  /** Name in `workbench.toml`. */
  readonly name: string;
  /** Adapter. */
  readonly kind: string;
  /** Whether every check passed. */
  readonly is_ready: boolean;
  /** The findings. */
  readonly checks: readonly IFinding[];
  /** What it can do. */
  readonly capabilities: readonly string[];
  /** What it cannot do, with the reason. */
  readonly refusals: Readonly<Record<string, string>>;
  /** Cores it offers. */
  readonly cpus: number;
  /** Memory it offers. */
  readonly memory_bytes: number;
  /** Free space where jobs are kept. */
  readonly free_disk_bytes: number;
  /** Jobs of this project on it now. */
  readonly running_jobs: number;
  /** Price with currency, source and date (`"0 JPY, own machine, 2026-11"`), or `"unknown"`. */
  readonly price_per_hour: string;
}

/** A job as a list shows it. */
export interface IJobCard {
  /** `jb-…`. */
  readonly id: string;
  /** A JobState. */
  readonly state: JobState;
  /** Why it is in this state: `cell_error`, `DeadKernelError`, …; empty where all is well. */
  readonly reason: string;
  /** Relative path of the source notebook. */
  readonly notebook: string;
  /** Name of the target. */
  readonly target: string;
  /** 1, 2, …; a late result of an earlier attempt is refused. */
  readonly attempt: number;
  /** Who submitted it. */
  readonly actor: string;
  /** MLflow run id; empty until known. */
  readonly run: string;
  /** What was asked for. */
  readonly params: Readonly<Record<string, string>>;
  /** Cells that are done. */
  readonly cell: number;
  /** Code cells in all; 0 until known. */
  readonly cells: number;
  /** UTC time. */
  readonly submitted_at: string;
  /** UTC time, or empty. */
  readonly started_at: string;
  /** UTC time, or empty. */
  readonly ended_at: string;
  /** Path of the executed notebook, relative to the project; empty until there is one. */
  readonly output: string;
  /** `ename: evalue` of the cell that failed; empty where none did. */
  readonly error: string;
}

/** One numbered event of a job. */
export interface IJobEvent {
  /** 1, 2, 3, … without a gap. */
  readonly seq: number;
  /** UTC time. */
  readonly at: string;
  /** `start`, `cell_start`, `cell_end`, `out`, `metric`, `heartbeat`, `artifact` or `exit`. */
  readonly kind: string;
  /** What the kind carries (`docs/architecture.md` lists it). */
  readonly data: Readonly<Record<string, unknown>>;
}

/** One input column. */
export interface IFeature {
  /** Column name. */
  readonly name: string;
  /** `float32` for now: every engine takes one float tensor (rows, features). */
  readonly dtype: string;
}

/** What the bytes are for. */
export interface IModelManifest {
  /** Model name; channels are `<name>@<stage>`. */
  readonly name: string;
  /** `classification` or `regression`. */
  readonly task: string;
  /** `onnx`. */
  readonly engine: string;
  /** File the engine opens. */
  readonly file: string;
  /** Input columns in tensor order; the ONNX input is one float32 tensor (rows, features). */
  readonly features: readonly IFeature[];
  /** Class labels in index order; empty for regression. The ONNX outputs are `label` (int64 class index) and `probabilities` (rows, classes) float32, or `value` (rows, 1) float32. */
  readonly classes: readonly string[];
  /** Metric that decides: `f1`, `accuracy`, `mae`, …. */
  readonly metric: string;
  /** Direction of `metric`. */
  readonly is_higher_better: boolean;
  /** A few rows, (rows, features). */
  readonly example_inputs: readonly (readonly Figure[])[];
  /** What the author's own model predicted for them: class index or value. */
  readonly example_outputs: readonly Figure[];
  /** Version of this manifest. */
  readonly format: number;
}

/** Drift of one feature in one window. */
export interface IFeatureDrift {
  /** Feature. */
  readonly name: string;
  /** Kolmogorov-Smirnov distance to the reference, 0 to 1. */
  readonly statistic: Figure;
  /** Of that distance. */
  readonly p_value: Figure;
  /** Whether it stays rejected after Benjamini-Hochberg over the window's features. */
  readonly is_drifted: boolean;
  /** Mean in the reference. */
  readonly reference_mean: Figure;
  /** Mean in the window. */
  readonly window_mean: Figure;
  /** Share of missing values in the window. */
  readonly missing: Figure;
  /** Share of values beyond the smallest or largest of the reference. */
  readonly outside: Figure;
  /** What drifted: `distribution`, `missing` or `range`; empty where nothing did. */
  readonly cause: string;
}

/** One window of predictions. */
export interface IWindowCard {
  /** Channel it was served on. */
  readonly channel: string;
  /** 0, 1, 2, … within the channel and model. */
  readonly index: number;
  /** Model that answered. */
  readonly model_digest: string;
  /** UTC time of its first row. */
  readonly started_at: string;
  /** UTC time of its last row. */
  readonly ended_at: string;
  /** Rows. */
  readonly rows: number;
  /** Whether at least one feature drifted. */
  readonly is_drifted: boolean;
  /** The features, the most drifted first. */
  readonly features: readonly IFeatureDrift[];
  /** Share of each predicted class. */
  readonly predictions: Readonly<Record<string, Figure>>;
  /** Jensen-Shannon distance of the predictions to the reference, 0 to 1. */
  readonly prediction_drift: Figure;
}

/** Something an operator is told once. */
export interface IAlertCard {
  /** `al-…`. */
  readonly id: string;
  /** Where. */
  readonly channel: string;
  /** `drift`, … */
  readonly kind: string;
  /** `warning` or `critical`. */
  readonly severity: string;
  /** An AlertState. */
  readonly state: AlertState;
  /** One sentence that names the cause. */
  readonly title: string;
  /** What to do next, as a command or a step. */
  readonly action: string;
  /** UTC time. */
  readonly raised_at: string;
  /** UTC time; the same cause is not raised twice. */
  readonly last_seen_at: string;
  /** Windows in which it was seen. */
  readonly count: number;
}

/** One watched channel. */
export interface IMonitorCard {
  /** Channel. */
  readonly channel: string;
  /** Model that answers now. */
  readonly model_digest: string;
  /** Rows of the reference profile; 0 where the model brought none. */
  readonly reference_rows: number;
  /** Rows predicted by this model. */
  readonly rows_seen: number;
  /** The last windows, the newest first. */
  readonly windows: readonly IWindowCard[];
  /** Open alerts. */
  readonly alerts: readonly IAlertCard[];
}

/** A report that was written. */
export interface IReportFile {
  /** Relative to the project. */
  readonly path: string;
  /** Digest of its bytes. */
  readonly digest: string;
  /** `en` or `ja`. */
  readonly language: string;
}

/** An error as `application/problem+json` carries it. */
export interface IProblem {
  /** Stable kebab-case code. */
  readonly code: string;
  /** What happened. */
  readonly message: string;
  /** What mends it; may be empty. */
  readonly hint: string;
  /** HTTP status. */
  readonly status: number;
}

/** What the server extension answers before any project is known. */
export interface IHello {
  /** Version of this package; the panel compares it with its own. */
  readonly version: string;
  /** Whether the extension can do all it should; False where live updates could not be set up. */
  readonly server_ok: boolean;
}

/** One thing that was looked at, by `mlops doctor` or by a target's check. */
export interface IFinding {
  /** `python`, `disk`, `journal`, `kernel`, … */
  readonly name: string;
  /** Whether it is as it must be. */
  readonly is_ok: boolean;
  /** What was found. */
  readonly message: string;
  /** What mends it; empty where nothing needs mending. */
  readonly hint: string;
}

/** What `mlops init` made. */
export interface ICreated {
  /** Absolute path of the project. */
  readonly root: string;
  /** Template it was made from. */
  readonly template: string;
  /** Relative paths of what was written now; empty where everything was there already. */
  readonly files: readonly string[];
}

/** One line per room: what the panel's header shows and what the five-minute newcomer asks. */
export interface IProjectStatus {
  /** Project name. */
  readonly name: string;
  /** One sentence. */
  readonly description: string;
  /** Absolute path on the machine that answers. */
  readonly root: string;
  /** Who is acting. */
  readonly actor: string;
  /** Version of this package; the panel compares it with its own. */
  readonly version: string;
  /** Number of runs. */
  readonly runs: number;
  /** Number of dataset versions. */
  readonly datasets: number;
  /** Jobs not yet at their end. */
  readonly open_jobs: number;
  /** Reviews that wait for somebody. */
  readonly open_reviews: number;
  /** Channels with a current release. */
  readonly channels: number;
  /** Alerts nobody resolved. */
  readonly open_alerts: number;
  /** Number of events; rises with every change, so a reader can poll cheaply. */
  readonly journal_seq: number;
}

/** One event of the journal, without its payload. */
export interface IJournalEvent {
  /** Position, from 1. */
  readonly seq: number;
  /** UTC time. */
  readonly at: string;
  /** Who did it. */
  readonly actor: string;
  /** `review.approved`, … */
  readonly kind: string;
  /** `review:rv-…`. */
  readonly subject: string;
}

/** Outcome of walking the journal's chain. */
export interface IAuditReport {
  /** Number of events. */
  readonly events: number;
  /** Hash of the last one; write it down elsewhere and it is a checkpoint. */
  readonly head: string;
  /** Time of the first event, or empty. */
  readonly since: string;
  /** Time of the last event, or empty. */
  readonly until: string;
}

/** One release on a channel. */
export interface IReleaseCard {
  /** `rl-…`. */
  readonly id: string;
  /** `<model>@<stage>`: what callers and runners follow. */
  readonly channel: string;
  /** Name of the model. */
  readonly model: string;
  /** The bytes that answer. */
  readonly model_digest: string;
  /** Review that allowed it. */
  readonly review: string;
  /** A ReleaseState. */
  readonly state: ReleaseState;
  /** 1, 2, … within the channel; a rollback to version 1 is a new release with version 1's bytes. */
  readonly version: number;
  /** Principals that approved. */
  readonly approvers: readonly string[];
  /** Weakest assurance among the approvals. */
  readonly assurance: string;
  /** Who released it. */
  readonly actor: string;
  /** UTC time. */
  readonly released_at: string;
  /** Milliseconds from the command to a running runner's first possible answer; 0 without one. */
  readonly answering_after_ms: Figure;
  /** What did not work out and does not undo the release. */
  readonly notes: readonly string[];
}

/** A model runner. */
export interface IRunnerCard {
  /** Channel it follows. */
  readonly channel: string;
  /** Where it listens; empty where it does not run. */
  readonly url: string;
  /** Its process; 0 where it does not run. */
  readonly pid: number;
  /** Whether it answered just now. */
  readonly is_running: boolean;
  /** What it serves; empty before the first release. */
  readonly model_digest: string;
  /** Release it serves. */
  readonly release: string;
  /** Swaps since it started. */
  readonly swaps: number;
  /** Requests since it started. */
  readonly requests: number;
  /** Requests that ended in a server error. */
  readonly failures: number;
  /** Median latency of the last requests, in milliseconds. */
  readonly p50_ms: Figure;
  /** 99th percentile, in milliseconds. */
  readonly p99_ms: Figure;
  /** Why the newest release is not served, where its bytes or statement did not verify. */
  readonly refusal: string;
}

/** Outcome of one check. */
export interface ICheckReport {
  /** `metric`, `schema`, `reproduced`, `format`, … */
  readonly name: string;
  /** A CheckResult. */
  readonly result: CheckResult;
  /** Whether policy asks for it at this stage. */
  readonly is_required: boolean;
  /** One sentence with the figures that decided. */
  readonly summary: string;
  /** Digest of the evidence in the store. */
  readonly evidence_digest: string;
  /** Seconds it took. */
  readonly duration_s: Figure;
  /** Name and version of what checked. */
  readonly tool: string;
  /** Numbers behind the summary (`estimate`, `low`, `high`, `baseline`, `rows`, …). */
  readonly figures: Readonly<Record<string, Figure>>;
}

/** One signed statement about a candidate. */
export interface IDecision {
  /** `approve` or `reject`. */
  readonly verdict: string;
  /** Who signed. */
  readonly principal: string;
  /** The key that signed. */
  readonly fingerprint: string;
  /** An Assurance. */
  readonly assurance: Assurance;
  /** UTC time. */
  readonly at: string;
  /** What the reviewer said. */
  readonly reason: string;
  /** Digest of the signed bytes in the store. */
  readonly statement_digest: string;
  /** Digest of the armoured signature in the store. */
  readonly signature_digest: string;
}

/** A review with everything that a reviewer looks at. */
export interface IReviewCard {
  /** `rv-…`. */
  readonly id: string;
  /** Name of the model. */
  readonly model: string;
  /** Stage it is asked for (`production`). */
  readonly stage: string;
  /** A ReviewState. */
  readonly state: ReviewState;
  /** MLflow run that made it. */
  readonly run: string;
  /** Digest of the frozen model. */
  readonly model_digest: string;
  /** Digest of `policy/gate.toml`. */
  readonly policy_digest: string;
  /** Digest over all check reports. */
  readonly evidence_digest: string;
  /** Dataset version it was trained on. */
  readonly dataset_version: string;
  /** Git commit. */
  readonly commit: string;
  /** Digest of the source notebook. */
  readonly notebook_digest: string;
  /** Digest of the environment. */
  readonly environment_digest: string;
  /** Who asked. */
  readonly requester: string;
  /** Who ran the training. */
  readonly author: string;
  /** UTC time. */
  readonly requested_at: string;
  /** The checks, required ones first. */
  readonly checks: readonly ICheckReport[];
  /** The decisions, in order. */
  readonly decisions: readonly IDecision[];
  /** What is still needed, in words; empty where it can be released. */
  readonly needed: readonly string[];
  /** The candidate's own metrics. */
  readonly metrics: Readonly<Record<string, Figure>>;
}

/** One line of `policy/reviewers`. */
export interface IReviewer {
  /** Mail address. */
  readonly principal: string;
  /** `SHA256:…`. */
  readonly fingerprint: string;
}

/** A run as a list shows it. */
export interface IRunCard {
  /** MLflow run id. */
  readonly id: string;
  /** MLflow run name. */
  readonly name: string;
  /** A RunState. */
  readonly state: RunState;
  /** UTC time. */
  readonly started_at: string;
  /** Seconds until the end, or until now. */
  readonly duration_s: Figure;
  /** Who ran it. */
  readonly actor: string;
  /** Notebook it came from, relative to the project; empty where unknown. */
  readonly source: string;
  /** Id of the job it ran in; empty for an interactive run. */
  readonly job: string;
  /** Target it ran on. */
  readonly target: string;
  /** Parameters as MLflow holds them. */
  readonly params: Readonly<Record<string, string>>;
  /** Last value of each metric. */
  readonly metrics: Readonly<Record<string, Figure>>;
  /** Names of the models it logged. */
  readonly models: readonly string[];
  /** Share of cells that are done, 0 to 1; 1 where it has ended. */
  readonly progress: Figure;
}

/** A file that a run read. */
export interface IInputFile {
  /** Relative to the project where it lies inside, else absolute. */
  readonly path: string;
  /** Digest of the whole content. */
  readonly digest: string;
  /** Dataset version that holds these bytes; empty where it is not versioned. */
  readonly dataset_version: string;
}

/** One value of a metric. */
export interface IMetricPoint {
  /** MLflow's step. */
  readonly step: number;
  /** UTC time. */
  readonly at: string;
  /** The value. */
  readonly value: Figure;
}

/** A run with everything that was captured. */
export interface IRunDetail {
  /** The run as a list shows it. */
  readonly card: IRunCard;
  /** Files it read. */
  readonly inputs: readonly IInputFile[];
  /** Git commit of the project, with `+dirty` where files differed; empty without Git. */
  readonly commit: string;
  /** Digest of the source notebook's bytes; empty where there is none. */
  readonly notebook_digest: string;
  /** Digest of the sorted `name==version` list. */
  readonly environment_digest: string;
  /** Python version. */
  readonly python: string;
  /** MLflow tags that are not MLflow's own. */
  readonly tags: Readonly<Record<string, string>>;
  /** All values of each metric, in order. */
  readonly history: Readonly<Record<string, readonly IMetricPoint[]>>;
  /** Paths of its artifacts. */
  readonly artifacts: readonly string[];
  /** `ename: evalue` of the cell that failed; empty where none did. */
  readonly error: string;
}

/** One thing in which runs differ. */
export interface IDifference {
  /** `param`, `metric`, `input`, `code` or `environment`. */
  readonly kind: string;
  /** Which one. */
  readonly name: string;
  /** One per compared run, in order; empty string where a run has none. */
  readonly values: readonly string[];
}

/** Runs side by side. */
export interface IRunComparison {
  /** The compared runs, in the order asked for. */
  readonly runs: readonly IRunCard[];
  /** Only what differs. */
  readonly differences: readonly IDifference[];
}

/** Path of the API below the server's base URL. */
export const apiPath = 'mlops-workbench/api';

/** Query parameter that names where the caller stands. */
export const locationParameter = 'path';

/** Schema id of the events that carry an IChange. */
export const changedSchemaId =
  'https://mlops-workbench.readthedocs.io/events/changed/v1';

/** Where each verb lies below apiPath, and what one must be allowed to do. */
export const verbs = {
  init: { method: 'POST', path: 'init', permission: 'run' },
  status: { method: 'GET', path: 'status', permission: 'read' },
  doctor: { method: 'GET', path: 'doctor', permission: 'read' },
  run: { method: 'POST', path: 'run', permission: 'run' },
  runs: { method: 'GET', path: 'runs', permission: 'read' },
  'runs show': { method: 'GET', path: 'runs/show', permission: 'read' },
  'runs compare': { method: 'GET', path: 'runs/compare', permission: 'read' },
  data: { method: 'GET', path: 'data', permission: 'read' },
  'data snapshot': { method: 'POST', path: 'data/snapshot', permission: 'run' },
  'data restore': { method: 'POST', path: 'data/restore', permission: 'run' },
  targets: { method: 'GET', path: 'targets', permission: 'read' },
  jobs: { method: 'GET', path: 'jobs', permission: 'read' },
  'jobs show': { method: 'GET', path: 'jobs/show', permission: 'read' },
  logs: { method: 'GET', path: 'logs', permission: 'read' },
  cancel: { method: 'POST', path: 'cancel', permission: 'run' },
  'identity create': {
    method: 'POST',
    path: 'identity/create',
    permission: 'run'
  },
  reviewers: { method: 'GET', path: 'reviewers', permission: 'read' },
  'reviewers add': {
    method: 'POST',
    path: 'reviewers/add',
    permission: 'review'
  },
  reviews: { method: 'GET', path: 'reviews', permission: 'read' },
  'review show': { method: 'GET', path: 'review/show', permission: 'read' },
  'review request': {
    method: 'POST',
    path: 'review/request',
    permission: 'run'
  },
  'review approve': {
    method: 'POST',
    path: 'review/approve',
    permission: 'review'
  },
  'review reject': {
    method: 'POST',
    path: 'review/reject',
    permission: 'review'
  },
  releases: { method: 'GET', path: 'releases', permission: 'read' },
  release: { method: 'POST', path: 'release', permission: 'release' },
  rollback: { method: 'POST', path: 'rollback', permission: 'release' },
  runners: { method: 'GET', path: 'runners', permission: 'read' },
  serve: { method: 'POST', path: 'serve', permission: 'operate' },
  stop: { method: 'POST', path: 'stop', permission: 'operate' },
  monitor: { method: 'GET', path: 'monitor', permission: 'read' },
  'monitor check': {
    method: 'POST',
    path: 'monitor/check',
    permission: 'operate'
  },
  alerts: { method: 'GET', path: 'alerts', permission: 'read' },
  'alerts acknowledge': {
    method: 'POST',
    path: 'alerts/acknowledge',
    permission: 'operate'
  },
  'alerts resolve': {
    method: 'POST',
    path: 'alerts/resolve',
    permission: 'operate'
  },
  report: { method: 'POST', path: 'report', permission: 'run' },
  'audit verify': { method: 'GET', path: 'audit/verify', permission: 'read' },
  'audit log': { method: 'GET', path: 'audit/log', permission: 'read' }
} as const;

/** What `init` takes. */
export interface IInitParams {
  /** Folder of the project; made where it is missing. Default: ".". */
  readonly folder?: string;
  /** Name of the template: `shuttle` (real sensor data, the whole road) or `blank`. Default: "shuttle". */
  readonly template?: string;
  /** Project name; by default the folder's. Default: "". */
  readonly name?: string;
}

/** What `run` takes. */
export interface IRunParams {
  /** Path of the notebook, relative to the project or to the working directory. */
  readonly notebook: string;
  /** Values for parameters that the notebook declares in its cell tagged `parameters`. */
  readonly params?: Readonly<Record<string, string>> | null;
  /** Name of a target in workbench.toml; `local` is always there. Default: "local". */
  readonly target?: string;
  /** Name of the run; by default the notebook's. Default: "". */
  readonly name?: string;
}

/** What `runs` takes. */
export interface IRunsParams {
  /** At most so many, up to 10,000. Default: 100. */
  readonly limit?: number;
  /** Only those RUNNING, FINISHED, FAILED, KILLED or LOST. Default: "". */
  readonly state?: string;
  /** Only those of this notebook, as a path relative to the project. Default: "". */
  readonly source?: string;
}

/** What `runs show` takes. */
export interface IRunsShowParams {
  /** Run id, or the beginning of one that no other run shares. */
  readonly run: string;
}

/** What `runs compare` takes. */
export interface IRunsCompareParams {
  /** Two or more run ids, or beginnings of them. */
  readonly runs: readonly string[];
}

/** What `data snapshot` takes. */
export interface IDataSnapshotParams {
  /** Files or folders inside the project. */
  readonly paths: readonly string[];
  /** What you want to remember of them. Default: "". */
  readonly message?: string;
}

/** What `data restore` takes. */
export interface IDataRestoreParams {
  /** Id of a version (`data/readings.csv@0123456789ab`); the digits may be cut short. */
  readonly version: string;
}

/** What `jobs` takes. */
export interface IJobsParams {
  /** At most so many. Default: 50. */
  readonly limit?: number;
}

/** What `jobs show` takes. */
export interface IJobsShowParams {
  /** Its id, or a unique beginning of it. */
  readonly job: string;
}

/** What `logs` takes. */
export interface ILogsParams {
  /** Its id, or a unique beginning of it. */
  readonly job: string;
  /** Only events with a larger number, so that a reader can go on where it stopped. Default: 0. */
  readonly after?: number;
}

/** What `cancel` takes. */
export interface ICancelParams {
  /** Its id, or a unique beginning of it. */
  readonly job: string;
}

/** What `identity create` takes. */
export interface IIdentityCreateParams {
  /** Where the private key goes; `~/.ssh/id_ed25519` by default. Default: "". */
  readonly path?: string;
  /** Your name as reviewer, usually a mail address; by default who you are here. Default: "". */
  readonly principal?: string;
}

/** What `reviewers add` takes. */
export interface IReviewersAddParams {
  /** Who it is, usually a mail address. */
  readonly principal: string;
  /** Path of an `id_….pub`, or the line in it. */
  readonly public_key: string;
}

/** What `review show` takes. */
export interface IReviewShowParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
}

/** What `review request` takes. */
export interface IReviewRequestParams {
  /** A model's name (its newest finished run), a run id or the beginning of one; `run/model` where a run logged several. */
  readonly model: string;
  /** The stage, as `policy/gate.toml` names it. Default: "production". */
  readonly to?: string;
  /** Return when the checks are done instead of at once. Default: false. */
  readonly wait?: boolean;
}

/** What `review approve` takes. */
export interface IReviewApproveParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** What you looked at; it becomes part of what you sign. Default: "". */
  readonly reason?: string;
}

/** What `review reject` takes. */
export interface IReviewRejectParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** What has to change; it becomes part of what you sign. */
  readonly reason: string;
}

/** What `release` takes. */
export interface IReleaseParams {
  /** Id of the approved review. */
  readonly review: string;
}

/** What `rollback` takes. */
export interface IRollbackParams {
  /** Channel: `<model>@<stage>`. */
  readonly channel: string;
  /** Version, release id or beginning of a model digest; by default the newest earlier model that nobody rolled back from. Default: "". */
  readonly to?: string;
}

/** What `serve` takes. */
export interface IServeParams {
  /** Channel to follow: `<model>@<stage>`. */
  readonly channel: string;
  /** TCP port; 0 takes the one in `workbench.toml`, or a free one. Default: 0. */
  readonly port?: number;
}

/** What `stop` takes. */
export interface IStopParams {
  /** Channel it follows. */
  readonly channel: string;
}

/** What `monitor check` takes. */
export interface IMonitorCheckParams {
  /** Channel to look at, such as `shuttle@production`. */
  readonly channel: string;
}

/** What `alerts` takes. */
export interface IAlertsParams {
  /** Only alerts in this state: `OPEN`, `ACKNOWLEDGED` or `RESOLVED`; empty lists all. Default: "". */
  readonly state?: string;
  /** Language of title and action: `en` or `ja`. Default: "en". */
  readonly language?: string;
}

/** What `alerts acknowledge` takes. */
export interface IAlertsAcknowledgeParams {
  /** Id of the alert. */
  readonly alert: string;
}

/** What `alerts resolve` takes. */
export interface IAlertsResolveParams {
  /** Id of the alert. */
  readonly alert: string;
}

/** What `report` takes. */
export interface IReportParams {
  /** `en` or `ja`. Default: "en". */
  readonly language?: string;
}

/** What `audit log` takes. */
export interface IAuditLogParams {
  /** At most so many, up to 10,000. Default: 50. */
  readonly limit?: number;
  /** Only events behind this number, the oldest of them first; 0 shows the last ones. Default: 0. */
  readonly after?: number;
}

/** What each verb takes. */
export interface IVerbParams {
  readonly init: IInitParams;
  readonly status: Readonly<Record<string, never>>;
  readonly doctor: Readonly<Record<string, never>>;
  readonly run: IRunParams;
  readonly runs: IRunsParams;
  readonly 'runs show': IRunsShowParams;
  readonly 'runs compare': IRunsCompareParams;
  readonly data: Readonly<Record<string, never>>;
  readonly 'data snapshot': IDataSnapshotParams;
  readonly 'data restore': IDataRestoreParams;
  readonly targets: Readonly<Record<string, never>>;
  readonly jobs: IJobsParams;
  readonly 'jobs show': IJobsShowParams;
  readonly logs: ILogsParams;
  readonly cancel: ICancelParams;
  readonly 'identity create': IIdentityCreateParams;
  readonly reviewers: Readonly<Record<string, never>>;
  readonly 'reviewers add': IReviewersAddParams;
  readonly reviews: Readonly<Record<string, never>>;
  readonly 'review show': IReviewShowParams;
  readonly 'review request': IReviewRequestParams;
  readonly 'review approve': IReviewApproveParams;
  readonly 'review reject': IReviewRejectParams;
  readonly releases: Readonly<Record<string, never>>;
  readonly release: IReleaseParams;
  readonly rollback: IRollbackParams;
  readonly runners: Readonly<Record<string, never>>;
  readonly serve: IServeParams;
  readonly stop: IStopParams;
  readonly monitor: Readonly<Record<string, never>>;
  readonly 'monitor check': IMonitorCheckParams;
  readonly alerts: IAlertsParams;
  readonly 'alerts acknowledge': IAlertsAcknowledgeParams;
  readonly 'alerts resolve': IAlertsResolveParams;
  readonly report: IReportParams;
  readonly 'audit verify': Readonly<Record<string, never>>;
  readonly 'audit log': IAuditLogParams;
}

/** What each verb answers. */
export interface IVerbResults {
  readonly init: ICreated;
  readonly status: IProjectStatus;
  readonly doctor: readonly IFinding[];
  readonly run: IJobCard;
  readonly runs: readonly IRunCard[];
  readonly 'runs show': IRunDetail;
  readonly 'runs compare': IRunComparison;
  readonly data: readonly IDatasetVersion[];
  readonly 'data snapshot': readonly IDatasetVersion[];
  readonly 'data restore': IDatasetVersion;
  readonly targets: readonly ITargetCard[];
  readonly jobs: readonly IJobCard[];
  readonly 'jobs show': IJobCard;
  readonly logs: readonly IJobEvent[];
  readonly cancel: IJobCard;
  readonly 'identity create': IReviewer;
  readonly reviewers: readonly IReviewer[];
  readonly 'reviewers add': IReviewer;
  readonly reviews: readonly IReviewCard[];
  readonly 'review show': IReviewCard;
  readonly 'review request': IReviewCard;
  readonly 'review approve': IReviewCard;
  readonly 'review reject': IReviewCard;
  readonly releases: readonly IReleaseCard[];
  readonly release: IReleaseCard;
  readonly rollback: IReleaseCard;
  readonly runners: readonly IRunnerCard[];
  readonly serve: IRunnerCard;
  readonly stop: IRunnerCard;
  readonly monitor: readonly IMonitorCard[];
  readonly 'monitor check': IMonitorCard;
  readonly alerts: readonly IAlertCard[];
  readonly 'alerts acknowledge': IAlertCard;
  readonly 'alerts resolve': IAlertCard;
  readonly report: IReportFile;
  readonly 'audit verify': IAuditReport;
  readonly 'audit log': readonly IJournalEvent[];
}

/** A verb's words: what `call` takes first. */
export type VerbWords = keyof typeof verbs;

/** What each verb takes and answers. */
export type Verbs = {
  readonly [V in VerbWords]: {
    readonly params: IVerbParams[V];
    readonly result: IVerbResults[V];
  };
};
