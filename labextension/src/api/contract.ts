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
  'sweep',
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
  'CHANGES_REQUESTED',
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

/** A signed statement that the journal had this end at this moment. */
export interface ICheckpoint {
  /** `checkpoint-<events>-<hash>.json`; its signature is the file of the same name and `.sig`. */
  readonly name: string;
  /** Where it lies: a Git ref, a folder or a URL. */
  readonly place: string;
  /** Number of events it covers. */
  readonly events: number;
  /** Hash of the last of them. */
  readonly head: string;
  /** UTC time of signing. */
  readonly at: string;
  /** Who signed. */
  readonly principal: string;
  /** The key that signed. */
  readonly fingerprint: string;
  /** Whether `policy/reviewers` lets that key sign checkpoints; where not, `audit verify` needs `--signers`. */
  readonly is_listed: boolean;
}

/** The journal as JSON lines. */
export interface IExportedJournal {
  /** The file. */
  readonly path: string;
  /** How to verify it without this package. */
  readonly guide: string;
  /** Number of events. */
  readonly events: number;
  /** Hash of the last one. */
  readonly head: string;
  /** Digest of the file. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Something in a project is not what it was; read the named nouns again. */
export interface IChange {
  /** Absolute path of the project, as `ProjectStatus.root` says it. */
  readonly root: string;
  /** What changed; each a ChangedNoun. */
  readonly nouns: readonly ChangedNoun[];
  /** Number of journal events; it does not rise where only progress was made. */
  readonly seq: number;
}

/** One metric of both models. */
export interface IMetricPair {
  /** The metric. */
  readonly name: string;
  /** The candidate's value; empty where it has none. */
  readonly candidate: Figure | null;
  /** The served model's value. */
  readonly champion: Figure | null;
  /** Lower end of the interval of the difference on the same rows; empty where only the runs' values are known. */
  readonly low: Figure | null;
  /** Upper end. */
  readonly high: Figure | null;
  /** Whether both answered the same holdout rows in the gate's own check. */
  readonly is_tested: boolean;
}

/** One slice of the holdout rows. */
export interface ISlicePair {
  /** Which rows. */
  readonly name: string;
  /** How many; 0 where unknown. */
  readonly rows: number;
  /** The candidate's metric on them; empty where they are too few. */
  readonly candidate: Figure | null;
  /** The served model's, from its own review; empty where it was not measured. */
  readonly champion: Figure | null;
}

/** One input or class of the model that is not what the served model has. */
export interface IFeatureChange {
  /** `added`, `dropped`, `retyped`, `moved` or `class`. */
  readonly kind: string;
  /** Which. */
  readonly name: string;
  /** As the served model has it. */
  readonly before: string;
  /** As the candidate has it. */
  readonly after: string;
}

/** A code cell of the candidate's notebook. */
export interface INotebookCell {
  /** Its id: what a comment on it names. */
  readonly id: string;
  /** Its text. */
  readonly source: string;
}

/** A candidate beside the model that was served when it was checked, and beside what the reader approved last. */
export interface IReviewComparison {
  /** The review. */
  readonly review: string;
  /** Name of the model. */
  readonly model: string;
  /** Stage it is asked for. */
  readonly stage: string;
  /** Model that was served there when the candidate was checked; empty where none was. */
  readonly champion_digest: string;
  /** Its version on the channel; 0 where none. */
  readonly champion_version: number;
  /** Run that made it. */
  readonly champion_run: string;
  /** Model that is served there now, the candidate itself perhaps; empty where none is. */
  readonly served_digest: string;
  /** Its version on the channel; 0 where none. */
  readonly served_version: number;
  /** Metrics of both. */
  readonly metrics: readonly IMetricPair[];
  /** Feature that slices are cut by; empty without that check. */
  readonly slice_column: string;
  /** The metric by slice. */
  readonly slices: readonly ISlicePair[];
  /** Changes of the model's signature. */
  readonly features: readonly IFeatureChange[];
  /** Datasets that differ, each as `data diff` shows it. */
  readonly data: readonly IDataDiff[];
  /** Packages that differ. */
  readonly packages: readonly IDifference[];
  /** Parameters, seeds, machine and code that differ. */
  readonly settings: readonly IDifference[];
  /** Commits between the two, oldest first. */
  readonly commits: readonly string[];
  /** What differs in code. */
  readonly patch: readonly string[];
  /** The code cells of the candidate's notebook, as it was executed. */
  readonly cells: readonly INotebookCell[];
  /** What differs between the notebooks' cells, outputs left out. */
  readonly notebook: readonly string[];
  /** What differs between them as they were executed, with outputs. */
  readonly outputs: readonly string[];
  /** What differs in the model card. */
  readonly card: readonly string[];
  /** Review of this model for this stage that the reader approved last; empty where none. */
  readonly approved_review: string;
  /** What changed since then: what is bound, before and after. */
  readonly since_approval: readonly IDifference[];
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
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
  /** How data and cache shared their bytes when it was recorded: `reflink` (blocks shared until one side is written), `hardlink` (one read-only file with two names), `copy` (stored twice) or empty (DVC did it). */
  readonly link: string;
  /** Class that its data cards said when it was recorded; empty where none did. */
  readonly data_class: string;
}

/** Whether the bytes of one dataset version are all there, by hashing them again. */
export interface ICachedVersion {
  /** Id of the version. */
  readonly version: string;
  /** `whole`, `missing` (somebody removed objects; a remote may have them) or `damaged`. */
  readonly state: string;
  /** What is wrong; empty where nothing is. */
  readonly message: string;
  /** What mends it; empty where nothing needs mending. */
  readonly hint: string;
}

/** What was carried to or from a remote. */
export interface IDataTransfer {
  /** Name of the remote. */
  readonly remote: string;
  /** Where it is; a password in it is left out. */
  readonly url: string;
  /** Ids of the dataset versions that are there in full now. */
  readonly versions: readonly string[];
  /** Number of objects that had to be carried; 0 where all of them were there. */
  readonly objects: number;
}

/** A zip that verifies without this package. */
export interface IExportedEvidence {
  /** The file. */
  readonly path: string;
  /** Review it is about. */
  readonly review: string;
  /** The reviewed bytes. */
  readonly model_digest: string;
  /** State of the review at the export. */
  readonly state: string;
  /** Number of statements in it, from the request to releases and rollbacks. */
  readonly statements: number;
  /** Number of files in it. */
  readonly files: number;
  /** Digest of the zip; the same review gives the same bytes. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Who signed the list of files; empty where the exporter's key may not, and then only what the reviewers signed is protected against somebody who writes the list anew. */
  readonly signed_by: string;
}

/** What a user of the tracking server may do with a model. */
export interface IServerUser {
  /** Registered model. */
  readonly model: string;
  /** User of the server. */
  readonly user: string;
  /** `READ`, `USE`, `EDIT`, `MANAGE` or `NO_PERMISSIONS`; `ADMIN` for administrators. */
  readonly permission: string;
  /** Whether they could move the model past the gate. */
  readonly may_move: boolean;
}

/** A tracking server on which only the gate's own account touches the models that are served. */
export interface IServerGate {
  /** Its address. */
  readonly server: string;
  /** The gate's account. */
  readonly account: string;
  /** Models that it keeps. */
  readonly models: readonly string[];
  /** What everybody else may do with them. */
  readonly users: readonly IServerUser[];
  /** Whether nobody but the gate and the server's administrators may move any of them. */
  readonly is_enforced: boolean;
}

/** One approval that a release rested on, as the journal's chain tells it. */
export interface IApproval {
  /** Who approved. */
  readonly principal: string;
  /** The key that signed. */
  readonly fingerprint: string;
  /** An Assurance. */
  readonly assurance: Assurance;
  /** UTC time. */
  readonly at: string;
  /** Digest of the signed bytes in the store. */
  readonly statement_digest: string;
  /** Digest of the armoured signature in the store. */
  readonly signature_digest: string;
}

/** A stretch of time in which one release was what a channel's runners had to serve. */
export interface IReleaseInterval {
  /** `<model>@<stage>`. */
  readonly channel: string;
  /** 1, 2, … within the channel. */
  readonly version: number;
  /** The bytes. */
  readonly model_digest: string;
  /** UTC time from which on, this moment included. */
  readonly since: string;
  /** UTC time up to which, this moment excluded; empty where it still answers. */
  readonly until: string;
  /** `rl-…`. */
  readonly release: string;
  /** `promoted` or `rolled-back` (it came by going back to earlier bytes). */
  readonly how: string;
  /** Who released it. */
  readonly actor: string;
  /** Review that allowed it. */
  readonly review: string;
  /** Who asked for the review; empty where the journal does not say. */
  readonly requester: string;
  /** MLflow run that made the model; empty where the journal does not say. */
  readonly run: string;
  /** Digest of the policy it was approved under; its bytes lie in the store. */
  readonly policy_digest: string;
  /** Digest of the check reports that were signed; their bytes lie in the store. */
  readonly evidence_digest: string;
  /** Weakest assurance among the approvals. */
  readonly assurance: string;
  /** The approvals that it rested on, in order; of an override, that one statement. */
  readonly approvals: readonly IApproval[];
  /** Journal event that began the interval. */
  readonly seq: number;
  /** Who approved; nobody where it was overridden. */
  readonly approved_by: readonly string[];
  /** Who let it through without the approvals; empty where they were there. */
  readonly overridden_by: string;
  /** Who signed the post-review of that override; empty while nobody has, and without an override. */
  readonly looked_at_by: string;
  /** UTC time at which the approvals expire or the override ends, from which on runners refuse; empty where they do not. */
  readonly valid_until: string;
  /** At the moment asked for: `served`; `ended`, where runners refused it because override or approvals had ended; `replaced` by what came after. */
  readonly state: string;
  /** What was changed past the gate meanwhile (alias, tag, artifact), and what was mended again. Runners served the released bytes all the same. */
  readonly outside: readonly string[];
  /** The command that exports what proves it. */
  readonly evidence: string;
  /** `signed` where people's names stood under listed keys, else `claimed`; empty for older releases. */
  readonly names: string;
}

/** A watched folder as a list shows it. */
export interface IWatchCard {
  /** Name of the watch; its declaration is `data/<name>.watch.toml`. */
  readonly name: string;
  /** Folder that is watched. */
  readonly folder: string;
  /** Dataset in the project that takes the files. */
  readonly into: string;
  /** Which files: `*.csv`. */
  readonly pattern: string;
  /** Seconds a file must have been left alone before it is taken. */
  readonly settle_s: Figure;
  /** Files taken so far. */
  readonly files: number;
  /** Settled files that the next ingest will take. */
  readonly waiting: number;
  /** Files that are still being written. */
  readonly settling: number;
  /** Age of the oldest waiting file in seconds; 0 where none waits. */
  readonly lag_s: Figure;
  /** UTC time of the last ingest; empty where there was none. */
  readonly last_at: string;
  /** Seconds from the last change of the oldest file of the last ingest until it was a version. */
  readonly last_lag_s: Figure;
  /** Dataset version that the last ingest made. */
  readonly version: string;
  /** Why the folder cannot be read or the next ingest would stop; empty where all is well. */
  readonly problem: string;
}

/** What one ingest took. */
export interface IIngestReport {
  /** Name of the watch. */
  readonly name: string;
  /** Dataset version that holds everything now; empty where there has never been a file. */
  readonly version: string;
  /** Files that were taken, in order. */
  readonly taken: readonly string[];
  /** Those of them that had been taken before with other bytes. */
  readonly changed: readonly string[];
  /** Files left for later because they are still being written. */
  readonly settling: readonly string[];
  /** Rows in the taken files, where they are tables. */
  readonly rows: number;
  /** Bytes in the taken files. */
  readonly size: number;
  /** Seconds from the last change of the oldest taken file until it was a version. */
  readonly lag_s: Figure;
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
  /** Cores that nobody uses now; -1 where the target cannot tell. */
  readonly cpus_free: number;
  /** GPUs it offers. */
  readonly gpus: number;
  /** GPUs that nobody uses now; -1 where the target cannot tell. */
  readonly gpus_free: number;
  /** Jobs of anybody that wait for it now; -1 where the target cannot tell. */
  readonly queued_jobs: number;
  /** What is left of a quota, in the target's own words; empty where there is none. */
  readonly quota: string;
  /** UTC time of the look that this card shows; a far target is not asked at every glance. */
  readonly checked_at: string;
}

/** What a job asks for and may use at most; 0 where it does not ask. */
export interface IResources {
  /** Processors. */
  readonly cpus: number;
  /** Memory of all its processes together. */
  readonly memory_bytes: number;
  /** GPUs. */
  readonly gpus: number;
  /** Seconds from its start to its end. */
  readonly time_limit_s: number;
}

/** A job as a list shows it. */
export interface IJobCard {
  /** `jb-…`. */
  readonly id: string;
  /** A JobState. */
  readonly state: JobState;
  /** Why it is in this state: `cell_error`, `OOMKilled`, `Unschedulable: …`; empty where all is well. */
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
  /** Place in the target's queue, from 1; 0 where it does not wait or the target cannot tell. */
  readonly queue_position: number;
  /** Whether the target answered when it was last asked; the job itself may be well all the same. */
  readonly is_reachable: boolean;
  /** Resident memory at the last heartbeat; 0 until known. */
  readonly memory_bytes: number;
  /** Seconds that earlier jobs of this notebook took on this target (median); 0 where there were none. */
  readonly expected_s: Figure;
  /** Machine that it was submitted on, where its directory lies; empty for jobs from before that was noted. */
  readonly machine: string;
}

/** Files of a job that lie here now. */
export interface IJobFiles {
  /** The job. */
  readonly job: string;
  /** Their paths, relative to the project. */
  readonly files: readonly string[];
  /** How large they are together. */
  readonly bytes: number;
}

/** One numbered event of a job. */
export interface IJobEvent {
  /** 1, 2, 3, … without a gap. */
  readonly seq: number;
  /** UTC time. */
  readonly at: string;
  /** `start`, `cell_start`, `cell_end`, `out`, `metric`, `heartbeat`, `artifact`, `lost` or `exit`. */
  readonly kind: string;
  /** What the kind carries (`docs/architecture.md` lists it). */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What of a project travels with a notebook to another machine. */
export interface IBundleCard {
  /** The notebook, relative to the project. */
  readonly notebook: string;
  /** Digest of the bundle; equal files give equal bundles. */
  readonly digest: string;
  /** Its size as it travels, compressed. */
  readonly bytes: number;
  /** How many files are in it. */
  readonly files: number;
  /** Size of these files. */
  readonly unpacked_bytes: number;
  /** The largest of them, with their size. */
  readonly largest: Readonly<Record<string, number>>;
  /** What lies in the project and does not travel, with the reason. */
  readonly left_out: Readonly<Record<string, string>>;
}

/** One thing on the road. */
export interface ILineageNode {
  /** Unique in the graph: `run:1f0c…`, `dataset:data/a.csv@0123…`, `model:sha256:…`. */
  readonly id: string;
  /** `file`, `dataset`, `notebook`, `run`, `model`, `review`, `release`, `window` or `alert`. */
  readonly kind: string;
  /** Its id within its kind, as every other command takes it. */
  readonly name: string;
  /** What a person calls it. */
  readonly label: string;
  /** UTC time at which it came to be; empty where nobody noted it. */
  readonly at: string;
  /** Who made it; empty where nobody noted it. */
  readonly actor: string;
}

/** One step in the direction in which data flows. */
export interface ILineageEdge {
  /** Node that was there before. */
  readonly source: string;
  /** Node that came of it. */
  readonly target: string;
  /** `versioned` (file → dataset), `read` (dataset or file → run), `ran` (notebook → run), `replayed` and `resumed` (run → run), `made` (run → model), `reviewed` (model → review), `allowed` (review → release), `answered` (release → window), `raised` (release → alert), `reduced` (file → file), `rewritten` (dataset → dataset, where a person was erased) or `declared` (file → notebook → file, in a pipeline). */
  readonly kind: string;
}

/** What a thing hangs together with. */
export interface ILineage {
  /** Node that was asked for. */
  readonly start: string;
  /** `up` (what it was made from), `down` (what was made from it) or `both`. */
  readonly direction: string;
  /** Every thing found, sources first. */
  readonly nodes: readonly ILineageNode[];
  /** The steps between them. */
  readonly edges: readonly ILineageEdge[];
  /** False where the graph was cut off at its limit. */
  readonly is_complete: boolean;
}

/** A lineage that was written down for other tools, or sent to them. */
export interface ILineageExport {
  /** `prov` (W3C PROV-JSON) or `openlineage` (one event a line). */
  readonly format: string;
  /** File or address it went to. */
  readonly to: string;
  /** Nodes and edges (PROV), or events (OpenLineage). */
  readonly entries: number;
}

/** One input column. */
export interface IFeature {
  /** Column name. */
  readonly name: string;
  /** `float32` for now: every engine takes one float tensor (rows, features). */
  readonly dtype: string;
  /** Callers may leave it out by name; it is NaN then, which the model has to know how to take. */
  readonly is_optional: boolean;
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
  /** Direction of `metric`; of a known metric it must be the one in metric. */
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

/** A receiver of notices. */
export interface INoticeCard {
  /** Its name in `workbench.toml`. */
  readonly name: string;
  /** `webhook`, `slack` or `mail`. */
  readonly kind: string;
  /** Patterns of the events it is told. */
  readonly events: readonly string[];
  /** Event up to which it was told. */
  readonly told_seq: number;
  /** Events that wait for it. */
  readonly waiting: number;
  /** Times the next one failed. */
  readonly tries: number;
  /** UTC time before which it is not tried again; empty where nothing failed. */
  readonly due_at: string;
  /** Why it failed last; empty where it did not. */
  readonly error: string;
}

/** A stage of `dvc.yaml`. */
export interface IStageCard {
  /** Its name. */
  readonly name: string;
  /** What DVC runs. */
  readonly command: string;
  /** Notebook that it runs; empty for a stage of another kind. */
  readonly notebook: string;
  /** `FRESH`, `STALE` or `NEW` (it never ran). */
  readonly state: string;
  /** Why it is stale: `data/x.csv modified`, `train.depth changed`; empty where it is fresh. */
  readonly reasons: readonly string[];
  /** Paths it depends on, without the notebook. */
  readonly inputs: readonly string[];
  /** Paths it makes. */
  readonly outputs: readonly string[];
  /** Keys of `params.yaml` it depends on. */
  readonly params: readonly string[];
  /** Its last job; empty where none is known here. */
  readonly job: string;
}

/** One run of the stale stages. */
export interface IPipelineRun {
  /** `pl-…`. */
  readonly id: string;
  /** RUNNING, SUCCEEDED, FAILED or LOST. */
  readonly state: string;
  /** Stages that were asked for; empty for all. */
  readonly wanted: readonly string[];
  /** Stages whose notebook was run. */
  readonly ran: readonly string[];
  /** Stages whose outputs were taken from the run cache. */
  readonly cached: readonly string[];
  /** Why it failed; empty where it did not. */
  readonly error: string;
  /** Who asked for it. */
  readonly actor: string;
  /** UTC time. */
  readonly started_at: string;
  /** UTC time; empty while it runs. */
  readonly ended_at: string;
  /** Job of each stage that ran. */
  readonly jobs: Readonly<Record<string, string>>;
}

/** Something in a policy that is allowed and probably not meant. */
export interface IPolicyWarning {
  /** The stage; empty for the whole policy. */
  readonly stage: string;
  /** Stable identifier: `nothing-required`, `waivable-unused`, … */
  readonly code: string;
  /** What it is. */
  readonly message: string;
  /** What would be meant. */
  readonly hint: string;
}

/** One thing that a stage asks for, in words. */
export interface IPolicyDemand {
  /** The stage. */
  readonly stage: string;
  /** The check; `approvals` or a group's name for the people, `expiry` or `order` for the time, `checks` for the place. */
  readonly check: string;
  /** `required`, `waivable`, `optional`, `people`, `time` or `place`. */
  readonly kind: string;
  /** What it has to show. */
  readonly demand: string;
}

/** One case of a policy test. */
export interface IPolicyCase {
  /** Name of the case. */
  readonly name: string;
  /** Stage it is judged at. */
  readonly stage: string;
  /** Verdict it should have: `allowed`, `denied`, `pending` or `unknown`. */
  readonly expected: string;
  /** Verdict it has. */
  readonly found: string;
  /** Whether they agree. */
  readonly is_ok: boolean;
  /** Why it has that verdict. */
  readonly reason: string;
}

/** One past review judged by another policy. */
export interface IPolicyTrial {
  /** The review. */
  readonly review: string;
  /** Its model. */
  readonly model: string;
  /** Its stage. */
  readonly stage: string;
  /** Verdict under the policy it was requested under. */
  readonly before: string;
  /** Verdict under the other policy. */
  readonly after: string;
  /** Whether they agree. */
  readonly is_same: boolean;
  /** Why it has the verdict after. */
  readonly reason: string;
}

/** `policy/reviewers` and `policy/revoked` beside the list of reviewers in force. */
export interface IReviewersChange {
  /** Digest of the list in force; empty where none is protected yet. */
  readonly before: string;
  /** Digest of the file. */
  readonly after: string;
  /** `new` (believed as it is until the first request), `in-force`, `narrower` (in force at once), `wider` (what was added counts for nothing), `proposed` or `signed`. */
  readonly state: string;
  /** What it allows beyond the list in force, in words. */
  readonly wider: readonly string[];
  /** Signatures that it needs. */
  readonly needed: number;
  /** Who signed and counts. */
  readonly signers: readonly string[];
  /** What is still to be signed, in words. */
  readonly lacking: readonly string[];
}

/** The policy file beside the policy in force, and the list of reviewers. */
export interface IPolicyChange {
  /** Digest of the policy in force; empty where there was none yet. */
  readonly before: string;
  /** Digest of the file. */
  readonly after: string;
  /** `new`, `in-force`, `stricter` (needs nobody), `laxer` (denies everything), `proposed` or `signed`. */
  readonly state: string;
  /** Where it asks for less, in words. */
  readonly laxer: readonly string[];
  /** Signatures that it needs under the policy in force. */
  readonly needed: number;
  /** Who signed and counts. */
  readonly signers: readonly string[];
  /** What is still to be signed, in words: signatures, and those of groups of the policy in force. */
  readonly lacking: readonly string[];
  /** The same of the list of reviewers. */
  readonly reviewers: IReviewersChange;
}

/** A model card in the project. */
export interface IModelCard {
  /** Name of the model. */
  readonly model: string;
  /** File, relative to the project. */
  readonly path: string;
  /** `en` or `ja`. */
  readonly language: string;
  /** Whether nothing is missing. */
  readonly is_complete: boolean;
  /** What is not written yet, in words. */
  readonly missing: readonly string[];
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

/** An event whose payload was erased; that it happened stays. */
export interface IErasedPayload {
  /** Its number. */
  readonly seq: number;
  /** Its kind. */
  readonly kind: string;
  /** What it happened to. */
  readonly subject: string;
  /** Digest of what it said. */
  readonly data_digest: string;
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
  /** Number of signed checkpoints that it passes through. */
  readonly checkpoints: number;
  /** Number of events that the newest of them covers; what came later rests on the chain alone. */
  readonly proved_events: number;
  /** When that one was signed; empty without any. */
  readonly proved_at: string;
  /** Who signed it; empty without any. */
  readonly proved_by: string;
}

/** One declared rule, looked at in every row. */
export interface IRuleResult {
  /** Column, or empty for a rule over whole rows. */
  readonly column: string;
  /** The rule in words (`at least 0`). */
  readonly rule: string;
  /** Whether it holds. */
  readonly is_ok: boolean;
  /** How many rows break it; 0 where the rule is about the table as a whole. */
  readonly failing_rows: number;
  /** Some values that break it; masked where the data's card says personal or confidential. */
  readonly examples: readonly string[];
}

/** Whether a dataset holds what its checks file declares. */
export interface IDataCheckReport {
  /** File that was looked at, relative to the project. */
  readonly path: string;
  /** The checks file; empty where there is none. */
  readonly checks: string;
  /** Whether every rule holds. */
  readonly is_ok: boolean;
  /** Rows looked at. */
  readonly rows: number;
  /** Every rule with its outcome, broken ones first. */
  readonly rules: readonly IRuleResult[];
}

/** What one step of a recipe did to one column. */
export interface ICleanedColumn {
  /** The step in words (`fill-missing with median`). */
  readonly step: string;
  /** The column; empty where the step takes whole rows. */
  readonly column: string;
  /** Values changed, or rows dropped. */
  readonly changed: number;
  /** What was fitted, on the training part only; the fitted recipe has every digit. */
  readonly statistics: Readonly<Record<string, string>>;
}

/** What cleaning did. */
export interface ICleanReport {
  /** What was read. */
  readonly path: string;
  /** What was written. */
  readonly out: string;
  /** The fitted recipe; apply it to later data with `mlops data clean PATH --apply FITTED`. */
  readonly fitted: string;
  /** Rows read. */
  readonly rows_before: number;
  /** Rows written. */
  readonly rows_after: number;
  /** Rows that statistics were taken from; 0 where an earlier fit was applied. */
  readonly fitted_rows: number;
  /** What each step did to each column. */
  readonly columns: readonly ICleanedColumn[];
}

/** One part of a split. */
export interface ISplitPart {
  /** `train`, `validation` or `test`. */
  readonly name: string;
  /** Rows in it. */
  readonly rows: number;
  /** Of all rows, 0 to 1. */
  readonly share: Figure;
  /** Distinct groups in it, where the split is by group; else None. */
  readonly groups: number | null;
  /** Earliest time in it, where the split is by time. */
  readonly first: string;
  /** Latest time in it. */
  readonly last: string;
}

/** One way in which the test part is known before the test. */
export interface ILeak {
  /** `duplicate-rows`, `shared-group` or `time-order`. */
  readonly kind: string;
  /** Rows outside of training that are concerned. */
  readonly rows: number;
  /** What was found, without values of the data. */
  readonly detail: string;
}

/** How a table is split, and whether something leaks from one part into another. */
export interface ISplitReport {
  /** The table. */
  readonly path: string;
  /** The split file: one line `row,part` for each row. */
  readonly file: string;
  /** `random`, `group` or `time`. */
  readonly by: string;
  /** Column of the groups or of the time; empty for `random`. */
  readonly column: string;
  /** Seed of the choice. */
  readonly seed: number;
  /** Whether nothing leaks. */
  readonly is_ok: boolean;
  /** The parts, training first. */
  readonly parts: readonly ISplitPart[];
  /** What leaks. */
  readonly leaks: readonly ILeak[];
}

/** What people have said of a dataset: whose it is, what for, for whom and for how long. */
export interface IDataCard {
  /** The dataset. */
  readonly path: string;
  /** Its card; kept in Git. */
  readonly file: string;
  /** Who answers for it. */
  readonly owner: string;
  /** What it was collected for. */
  readonly purpose: string;
  /** `public`, `internal`, `confidential` or `personal`. */
  readonly data_class: string;
  /** How long it is kept (`2 years`), or until when (`2027-03-31`). */
  readonly retention: string;
  /** Who may have it. */
  readonly sharing: string;
  /** Whom to ask. */
  readonly contact: string;
  /** Whether nothing is missing or wrong. */
  readonly is_complete: boolean;
  /** What is missing or wrong. */
  readonly problems: readonly string[];
}

/** Personal data of one kind in one column; a suspicion with reasons, never a proof. */
export interface IPersonalFinding {
  /** File inside the dataset. */
  readonly file: string;
  /** Column; empty for text that is no table. */
  readonly column: string;
  /** `email`, `phone`, `my-number`, `name`, … */
  readonly kind: string;
  /** Values that look so. */
  readonly count: number;
  /** Of the column's values, 0 to 1. */
  readonly share: Figure;
  /** `high` (check digit, or pattern and column name), `medium` or `low`. */
  readonly confidence: string;
  /** Why it is thought so. */
  readonly reason: string;
  /** Up to three values, masked. */
  readonly examples: readonly string[];
}

/** What a personal-data scan found. */
export interface IPersonalScan {
  /** Dataset or version that was scanned. */
  readonly path: string;
  /** Rows looked at. */
  readonly rows: number;
  /** Files looked at. */
  readonly files: number;
  /** Files that hold neither a table nor text, and so were not looked into. */
  readonly unread: readonly string[];
  /** Whether nothing was found and everything could be read. */
  readonly is_clean: boolean;
  /** What was found. */
  readonly findings: readonly IPersonalFinding[];
}

/** One version that held rows to erase. */
export interface IErasedVersion {
  /** Its id before. */
  readonly version: string;
  /** Id of the version without those rows; empty while it is only planned. */
  readonly replaced_by: string;
  /** Rows erased from it. */
  readonly rows: number;
  /** Rows left. */
  readonly kept_rows: number;
}

/** What erasing would do, or did. */
export interface IErasureReport {
  /** `er-…`; empty for a preview. */
  readonly id: string;
  /** `preview`, `planned`, `rewritten` or `done`. */
  readonly state: string;
  /** Datasets it goes through. */
  readonly paths: readonly string[];
  /** Column the values were looked for in. */
  readonly column: string;
  /** How many values were given; which ones is written nowhere. */
  readonly values: number;
  /** The versions concerned. */
  readonly versions: readonly IErasedVersion[];
  /** Versions that hold no such row. */
  readonly untouched: number;
  /** Cache objects removed, or to be removed. */
  readonly objects: number;
  /** Remotes that were gone through. */
  readonly remotes: readonly string[];
  /** Remotes that could not be reached; the old bytes may lie there still. */
  readonly unreached: readonly string[];
  /** Other files of the project in which a value still stands, as far as they can be read. */
  readonly remains: readonly string[];
  /** What to do next; empty when nothing is left. */
  readonly hint: string;
}

/** One step of a recipe as it was carried out. */
export interface IReductionStep {
  /** `filter`, `keep`, `downsample`, `aggregate`, `features` or `quantise`. */
  readonly kind: string;
  /** The step's settings in words. */
  readonly detail: string;
  /** Rows that went in. */
  readonly rows_before: number;
  /** Rows that came out. */
  readonly rows_after: number;
  /** Bytes that went in: of the file itself at the first step, else as the step before left them. */
  readonly bytes_before: number;
  /** Bytes that came out, written with the recipe's codec. */
  readonly bytes_after: number;
  /** Largest change of a value by `quantise`; 0 for other steps. */
  readonly largest_error: Figure;
}

/** What a recipe made of one file. */
export interface IReductionReport {
  /** File that was read, relative to the project. */
  readonly source: string;
  /** File that was written. */
  readonly output: string;
  /** Digest of the recipe's steps in canonical form. */
  readonly recipe_digest: string;
  /** Digest of the source's bytes. */
  readonly source_digest: string;
  /** Digest of the output's bytes. */
  readonly output_digest: string;
  /** Bytes of the source. */
  readonly bytes_before: number;
  /** Bytes of the output. */
  readonly bytes_after: number;
  /** 1 - after / before; the traffic reduction rate. */
  readonly saved_share: Figure;
  /** The steps in order. */
  readonly steps: readonly IReductionStep[];
}

/** Something that makes a release red until it is mended. */
export interface IReleaseFault {
  /** `out-of-band` (moved past the gate), `override-owed` (nobody has looked at an override since), `ended` (an approval or override that it rests on) or `unverifiable`. */
  readonly kind: string;
  /** What is wrong. */
  readonly message: string;
  /** What mends it. */
  readonly hint: string;
  /** Review that it is about; empty where it is about none. */
  readonly review: string;
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
  /** What is wrong with it now: it is red until that is mended. */
  readonly faults: readonly IReleaseFault[];
  /** `signed` where who trained it signed the request and everybody with a hand in it had a listed key, else `claimed`; empty for older releases. */
  readonly names: string;
}

/** A release whose statement, policy and bytes were verified just now. */
export interface IVerifiedRelease {
  /** Its channel. */
  readonly channel: string;
  /** Release that stands on it. */
  readonly release: string;
  /** Version within the channel. */
  readonly version: number;
  /** The bytes. */
  readonly model_digest: string;
  /** Review that allowed it. */
  readonly review: string;
  /** Who approved, or who overrode. */
  readonly approvers: readonly string[];
  /** Whether it rests on an override. */
  readonly is_override: boolean;
  /** UTC time at which the first of its approvals ends; empty where none does. */
  readonly until: string;
  /** Files that were verified. */
  readonly files: number;
  /** Folder that they were written into; empty where they were not. */
  readonly into: string;
}

/** Something that was moved in MLflow's registry, or in a run's artifacts, past the gate. */
export interface IOutOfBandChange {
  /** Channel that it concerns. */
  readonly channel: string;
  /** `alias`, `version`, `tags` or `artifacts`. */
  readonly what: string;
  /** What was found. */
  readonly message: string;
  /** What mends it. */
  readonly hint: string;
  /** UTC time at which it was first seen. */
  readonly seen_at: string;
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

/** One thing that was looked at for a level. */
export interface IEvidence {
  /** Level that needs it: `R1` to `R4`. */
  readonly level: string;
  /** `cells`, `order`, `reads`, `commit`, `parameters`, `inputs`, `environment`, `replay`, `chain`, `packages`, `metrics`, … */
  readonly name: string;
  /** A CheckResult; a level needs `pass` of everything it names. */
  readonly result: CheckResult;
  /** What was found, in one sentence. */
  readonly summary: string;
  /** The command that mends it; empty where nothing needs mending or nothing can. */
  readonly hint: string;
}

/** One part in which what was recorded and what was found differ. */
export interface IMismatch {
  /** Level at which it was found. */
  readonly level: string;
  /** `input`, `package`, `param`, `cell`, `metric`, `code`, `randomness` or `clock`; the last two name a suspected cause of a metric that differs. */
  readonly part: string;
  /** Which one: a path, a package, a parameter, `cell 3`, a metric. */
  readonly name: string;
  /** What the run recorded. */
  readonly recorded: string;
  /** What was found now, or in a replay. */
  readonly found: string;
  /** What is known beyond that; may be empty. */
  readonly detail: string;
}

/** The reproducibility of a run as far as machines have checked it. */
export interface IReproduction {
  /** MLflow run id. */
  readonly run: string;
  /** `R0` recorded, `R1` clean, `R2` restorable, `R3` replayed, `R4` verified; it follows from the evidence alone. */
  readonly level: string;
  /** Level that the run carried before. */
  readonly recorded_level: string;
  /** Whether evidence that was there before no longer holds, because something it rests on has changed. */
  readonly is_stale: boolean;
  /** What was looked at, in the order of the levels. */
  readonly evidence: readonly IEvidence[];
  /** What differs. */
  readonly mismatches: readonly IMismatch[];
  /** Ids of the replays. */
  readonly jobs: readonly string[];
  /** MLflow runs of the replays. */
  readonly replays: readonly string[];
  /** UTC time. */
  readonly checked_at: string;
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
  /** The job it ran in, with target, machine and how it was confined there; empty where it ran in a child of the process that checked. */
  readonly where: string;
}

/** One signed statement about a candidate. */
export interface IDecision {
  /** `approve`, `changes-requested`, `reject`, `waive`, `override` or `post-review`. */
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
  /** The check that was waived; empty for other verdicts. */
  readonly check: string;
}

/** Something that somebody said about a candidate; it decides nothing. */
export interface IComment {
  /** Digest of who, when, what and on what. */
  readonly id: string;
  /** Who said it. */
  readonly principal: string;
  /** UTC time. */
  readonly at: string;
  /** `check:<name>`, `metric:<name>` or `cell:<id>`; empty for the whole. */
  readonly on: string;
  /** What they said. */
  readonly text: string;
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
  /** What was said about it, in order. */
  readonly comments: readonly IComment[];
  /** Review that this one answers; empty where none. */
  readonly follows: string;
  /** UTC time at which an override of it ends; empty without one. */
  readonly overridden_until: string;
  /** Whether somebody overrode it and nobody has looked at it since. */
  readonly owes_post_review: boolean;
  /** Who signed for these check results; nobody in lists, which verify no signatures. */
  readonly checked_by: readonly string[];
  /** How much a release of it would prove now, an Assurance, tracking server left out; empty where nothing lets it through, and in lists. */
  readonly assurance: Assurance;
  /** `signed` where who trained it signed the request and everybody with a hand in it has a listed key, else `claimed`: the people named are who they say; empty as `assurance` is. */
  readonly names: string;
  /** Checks that stand in the way now and that policy lets reviewers waive. */
  readonly waivable: readonly string[];
  /** Who may override it now, as policy says; nobody where it cannot be overridden. */
  readonly break_glass: readonly string[];
  /** What to know of the classes of its data, in words: none is known, or a stricter one was. */
  readonly remarks: readonly string[];
}

/** A review that lets its model through; what does not raises the error that says why. */
export interface IReviewStatus {
  /** The review. */
  readonly review: string;
  /** Name of the model. */
  readonly model: string;
  /** Stage it is let through to. */
  readonly stage: string;
  /** True. */
  readonly is_allowed: boolean;
  /** Whether it rests on an override. */
  readonly is_override: boolean;
  /** The bytes. */
  readonly model_digest: string;
  /** The checks. */
  readonly checks: readonly ICheckReport[];
}

/** What somebody would sign, byte for byte. */
export interface IStatementDraft {
  /** The review. */
  readonly review: string;
  /** `approve`, `changes-requested`, `reject`, `waive`, `override`, `post-review` or `comment`. */
  readonly verdict: string;
  /** Purpose of the signature. */
  readonly namespace: string;
  /** UTC time that stands in it; hand it back as `at`, and these very bytes are signed. */
  readonly at: string;
  /** Digest of the bytes; hand it back as `shown`, and no others are. */
  readonly digest: string;
  /** The bytes: an in-toto Statement as canonical JSON. */
  readonly text: string;
}

/** One line of `policy/reviewers`. */
export interface IReviewer {
  /** Mail address. */
  readonly principal: string;
  /** `SHA256:…`. */
  readonly fingerprint: string;
  /** Whether the line counts; one that was added waits until others have signed for it, and one whose key was revoked counts no more. */
  readonly is_in_force: boolean;
}

/** A key to sign with that was made. */
export interface IIdentity {
  /** Whose it is, usually a mail address. */
  readonly principal: string;
  /** `SHA256:…`. */
  readonly fingerprint: string;
  /** Path of its public half, which may be given away. */
  readonly public_key: string;
  /** Whether it may decide already; a new key may once it stands in `policy/reviewers`. */
  readonly is_in_force: boolean;
  /** What lists it there, as a command. */
  readonly offer: string;
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
  /** Last value of each metric; those of the machine, `system/…`, are in the history alone. */
  readonly metrics: Readonly<Record<string, Figure>>;
  /** Names of the models it logged. */
  readonly models: readonly string[];
  /** Share of cells that are done, 0 to 1; 1 where it has ended. */
  readonly progress: Figure;
  /** Reproducibility level that was proved: `R0` (recorded) to `R4` (verified). */
  readonly level: string;
  /** Whether somebody starred it. */
  readonly is_starred: boolean;
  /** What somebody wrote about it, as MLflow's own pages show it. */
  readonly note: string;
  /** Run that this one is a part of; empty where it stands alone. */
  readonly parent: string;
  /** Whether it was deleted, which can be taken back. */
  readonly is_deleted: boolean;
}

/** A file that a run read. */
export interface IInputFile {
  /** Relative to the project where it lies inside, else absolute. */
  readonly path: string;
  /** Digest of the whole content. */
  readonly digest: string;
  /** Dataset version that holds these bytes; empty where it is not versioned. */
  readonly dataset_version: string;
  /** Function whose native code read it; empty for an ordinary `open`. */
  readonly reader: string;
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
  /** Paths of inputs that no dataset version holds, so that nobody can bring them back. */
  readonly unversioned: readonly string[];
  /** Run that this one goes on from; empty where it began anew. */
  readonly resumes: string;
  /** What can be done with it now, as a command; empty where nothing suggests itself. */
  readonly offer: string;
}

/** Runs that have one value in common. */
export interface IRunGroup {
  /** The value; empty for runs that have none. */
  readonly value: string;
  /** How many there are. */
  readonly runs: number;
  /** Best value of the metric that was asked for; None where none of them has it. */
  readonly best: Figure | null;
  /** Run that has it. */
  readonly best_run: string;
  /** Mean of that metric over those that have it. */
  readonly mean: Figure | null;
}

/** One thing in which runs differ. */
export interface IDifference {
  /** `param`, `metric`, `input`, `code`, `environment`, `package`, `machine` or `seed`. */
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

/** What changed from one run to another. */
export interface IRunDiff {
  /** The first run. */
  readonly before: IRunCard;
  /** The second run. */
  readonly after: IRunCard;
  /** Parameters, metrics, inputs, packages, code and machine that differ; values are before and after. */
  readonly differences: readonly IDifference[];
  /** Git commits from the first run's to the second's, oldest first: short id and subject; empty where there are none or Git does not know them. */
  readonly commits: readonly string[];
  /** Readable lines of what differs in the code that was not committed, cut where it is long. */
  readonly patch: readonly string[];
  /** Readable lines of what differs between the notebooks, cell by cell, cut where it is long. */
  readonly notebook: readonly string[];
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
}

/** Runs in one file, carried from one store to another. */
export interface IRunArchive {
  /** The file. */
  readonly path: string;
  /** Digest of the file. */
  readonly digest: string;
  /** Its size. */
  readonly bytes: number;
  /** Ids of the runs in it, as they were where they were made. */
  readonly runs: readonly string[];
  /** Ids of the runs that this import made; empty after an export, or where all were there already. */
  readonly added: readonly string[];
}

/** A section of `workbench.toml` that has secrets read, or that names a server where this user would sign in. */
export interface ISecretUse {
  /** `tracking`, `journal`, `lineage`, `notices.<name>`, `targets.<name>`, its files, `watches.<name>` or `gate`. */
  readonly section: string;
  /** Sources by what they are for; never values. */
  readonly reads: Readonly<Record<string, string>>;
  /** Where what is read goes, in words. */
  readonly goes_to: string;
  /** Whether this user has agreed to just this. */
  readonly is_trusted: boolean;
  /** Digest of the section, for `WORKBENCH_TRUST`. */
  readonly digest: string;
}

/** One kind of thing that could be freed, or was. */
export interface IStorageReport {
  /** `deleted-runs`, `orphan-artifacts`, `jobs`, `blobs`, `leases`, `trash` or `dvc-cache`. */
  readonly part: string;
  /** How many there are. */
  readonly items: number;
  /** What they take on the disk. */
  readonly bytes: number;
  /** Whether this call freed them. */
  readonly is_freed: boolean;
  /** Why nothing needs them, and who frees them where `mlops gc` does not. */
  readonly why: string;
  /** The first few, as paths relative to the project where they lie in it. */
  readonly examples: readonly string[];
}

/** An MLflow database after it was made fast and safe to share. */
export interface ITunedStore {
  /** The file. */
  readonly path: string;
  /** MLflow's schema revision; unchanged. */
  readonly revision: string;
  /** How many runs it holds, deleted ones too. */
  readonly runs: number;
  /** SQLite's journal mode: `wal`. */
  readonly journal_mode: string;
  /** Whether sqlite has statistics to plan by. */
  readonly is_analyzed: boolean;
  /** What was changed, in words; empty where nothing was to do. */
  readonly changes: readonly string[];
  /** How long it took. */
  readonly duration_s: Figure;
}

/** One point of a search. */
export interface ITrialCard {
  /** 0, 1, 2, … */
  readonly number: number;
  /** RUNNING, COMPLETE, PRUNED or FAILED. */
  readonly state: string;
  /** What it reached; None where it has no value. */
  readonly value: Figure | null;
  /** What was tried. */
  readonly params: Readonly<Record<string, string>>;
  /** Its last job; empty while none was submitted. */
  readonly job: string;
  /** MLflow run of that job; empty until known. */
  readonly run: string;
  /** Seconds that the job took; 0 until it has ended. */
  readonly duration_s: Figure;
  /** Why it was pruned or failed; empty where all is well. */
  readonly reason: string;
}

/** A search over the parameters of a notebook. */
export interface ISweepCard {
  /** `sw-…`. */
  readonly id: string;
  /** RUNNING, SUCCEEDED, FAILED or CANCELLED, as a JobState. */
  readonly state: JobState;
  /** Relative path of the notebook. */
  readonly notebook: string;
  /** Name of the target. */
  readonly target: string;
  /** What is looked at; empty until the first trial says which one it logs. */
  readonly metric: string;
  /** `maximize` or `minimize`. */
  readonly direction: string;
  /** `tpe`, `random` or `grid`. */
  readonly sampler: string;
  /** `median` or `none`. */
  readonly pruner: string;
  /** How many there will be at most. */
  readonly trials: number;
  /** How many run at the same time. */
  readonly parallel: number;
  /** Trials that run now. */
  readonly running: number;
  /** Trials with a value. */
  readonly complete: number;
  /** Trials that were ended early because others did better. */
  readonly pruned: number;
  /** Trials without a value. */
  readonly failed: number;
  /** Number of the best one; -1 while there is none. */
  readonly best_trial: number;
  /** What it reached; None while there is none. */
  readonly best_value: Figure | null;
  /** What it tried. */
  readonly best_params: Readonly<Record<string, string>>;
  /** Its MLflow run. */
  readonly best_run: string;
  /** The parent MLflow run of all; empty until known. */
  readonly run: string;
  /** Its name. */
  readonly name: string;
  /** Who asked for it. */
  readonly actor: string;
  /** UTC time. */
  readonly started_at: string;
  /** UTC time; empty while it runs. */
  readonly ended_at: string;
  /** What keeps it from going on, or why it failed; empty where all is well. */
  readonly error: string;
  /** What can be done with it now, as a command; empty where nothing suggests itself. */
  readonly offer: string;
  /** Every trial, in order; only where one sweep is shown. */
  readonly history: readonly ITrialCard[];
}

/** How the cells of one column are read. */
export interface IColumnRule {
  /** Column name. */
  readonly name: string;
  /** Arrow's word for it: `int64`, `double`, `bool`, `date32[day]`, `timestamp[us]`, `timestamp[us, tz=UTC]` or `string`. */
  readonly type: string;
  /** How the source wrote its values (`plain`, `python`, `bare`, `fixed:2`, `%Y/%m/%d`); empty where no one style gives its text back, and then the text itself is kept. */
  readonly style: string;
  /** The text that stood for a missing value. */
  readonly missing: string;
  /** What had to be assumed: full-width digits, thousands separators, era dates. */
  readonly notes: readonly string[];
}

/** How a source became a table: what was found out, what was assumed, what somebody declared. */
export interface IReadingRecipe {
  /** `csv`, `parquet`, `feather`, `excel` or `query`. */
  readonly format: string;
  /** Name of the file; empty for a query. */
  readonly source: string;
  /** Of a text file. */
  readonly encoding: string;
  /** Of a text file. */
  readonly delimiter: string;
  /** Of a text file: `lf`, `crlf` or `cr`. */
  readonly newline: string;
  /** Of a text file: `minimal`, `text` (every text cell) or `all`; empty where no rule gives it back. */
  readonly quoting: string;
  /** Rows before the header. */
  readonly skip_rows: number;
  /** Of a workbook. */
  readonly sheet: string;
  /** SQL; `url_env` names the environment variable that holds the database's address, never the address. */
  readonly query: string;
  /** See `query`. */
  readonly url_env: string;
  /** Columns that name a row. */
  readonly key: readonly string[];
  /** Whether a person named the key; else it was detected. */
  readonly is_key_declared: boolean;
  /** Texts that stand for a missing value. */
  readonly missing: readonly string[];
  /** One rule a column. */
  readonly columns: readonly IColumnRule[];
}

/** What an import did. */
export interface IImportedTable {
  /** The dataset version that holds the table now. */
  readonly version: IDatasetVersion;
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Columns that name a row; empty where none do. */
  readonly key: readonly string[];
  /** Block files that the table consists of. */
  readonly blocks: number;
  /** Those that no earlier state of this table had. */
  readonly new_blocks: number;
  /** Size of what the table consists of. */
  readonly stored_bytes: number;
  /** Size of what had to be stored anew. */
  readonly new_bytes: number;
  /** How `data export --format original` gets the source's own bytes back: `written again` from the columns, `kept` as they were, or `not kept`. */
  readonly original: string;
  /** What the reading took for granted, in sentences; edit the recipe to change it. */
  readonly assumptions: readonly string[];
  /** Where the recipe lies, relative to the project. */
  readonly recipe_file: string;
  /** The recipe itself. */
  readonly recipe: IReadingRecipe;
}

/** A file that was written from a version. */
export interface IExportedData {
  /** Version, path or table it was written from. */
  readonly source: string;
  /** The file. */
  readonly path: string;
  /** `original`, `csv`, `parquet` or `feather`. */
  readonly format: string;
  /** Bytes. */
  readonly size: number;
  /** Number of rows; None for what is no table. */
  readonly rows: number | null;
  /** `sha256:…` of the file. */
  readonly digest: string;
}

/** One change of a table's columns. */
export interface ISchemaChange {
  /** `added`, `dropped`, `retyped` or `renamed` (a suspicion: same values, other name). */
  readonly kind: string;
  /** Name now; for `dropped` the name before. */
  readonly column: string;
  /** Type before, or the name before for `renamed`; empty for `added`. */
  readonly before: string;
  /** Type now; empty for `dropped`. */
  readonly after: string;
}

/** One row that differs, as an example. */
export interface IRowChange {
  /** `added`, `removed` or `changed`. */
  readonly kind: string;
  /** Values of the key columns, by name; without a key the row's number, counted from 1. */
  readonly key: Readonly<Record<string, string>>;
  /** Old values of what differs, by column. */
  readonly before: Readonly<Record<string, string>>;
  /** New values of what differs, by column. */
  readonly after: Readonly<Record<string, string>>;
}

/** How the values of one column moved between two tables. */
export interface IColumnShift {
  /** Column name. */
  readonly column: string;
  /** Cells that differ in rows that both have; None without a key. */
  readonly cells_changed: number | null;
  /** Share of missing values, 0 to 1. */
  readonly missing_before: Figure;
  /** Share of missing values, 0 to 1. */
  readonly missing_after: Figure;
  /** Mean of a numeric column. */
  readonly mean_before: Figure | null;
  /** Mean of a numeric column. */
  readonly mean_after: Figure | null;
  /** Kolmogorov-Smirnov distance for numbers and times, total variation distance for everything else; 0 (same) to 1 (nothing in common). */
  readonly distance: Figure;
  /** Population stability index over ten bins of equal share before; 0.1 is usually called small, 0.25 large. */
  readonly psi: Figure;
}

/** One file of a folder that differs. */
export interface IFileChange {
  /** `added`, `removed` or `changed`. */
  readonly kind: string;
  /** Relative to the folder. */
  readonly path: string;
  /** Bytes; None where there was none. */
  readonly size_before: number | null;
  /** Bytes; None where there is none. */
  readonly size_after: number | null;
}

/** Where two states of data differ. */
export interface IDataDiff {
  /** The first version, path or table. */
  readonly before: string;
  /** The second. */
  readonly after: string;
  /** `table` or `files`. */
  readonly kind: string;
  /** Whether nothing differs. */
  readonly is_equal: boolean;
  /** Columns that rows were matched by; empty: rows were counted as wholes, so none can be "changed". */
  readonly key: readonly string[];
  /** Rows of the first; 0 for files. */
  readonly rows_before: number;
  /** Rows of the second; 0 for files. */
  readonly rows_after: number;
  /** Rows that only the second has. */
  readonly rows_added: number;
  /** Rows that only the first has. */
  readonly rows_removed: number;
  /** Rows that both have with other values in the columns that both have. */
  readonly rows_changed: number;
  /** Whether rows that both have stand in another order. */
  readonly is_reordered: boolean;
  /** Changes of columns. */
  readonly schema: readonly ISchemaChange[];
  /** The first rows that differ. */
  readonly examples: readonly IRowChange[];
  /** How values moved, by column; only columns with a difference. */
  readonly shifts: readonly IColumnShift[];
  /** Changes of files, where it is no table. */
  readonly files: readonly IFileChange[];
}

/** A frequent value. */
export interface IValueCount {
  /** As text. */
  readonly value: string;
  /** How often it occurs. */
  readonly count: number;
}

/** What one column holds. */
export interface IColumnProfile {
  /** Column name. */
  readonly name: string;
  /** Arrow's word for the type. */
  readonly type: string;
  /** Number of missing values (null, and NaN in numbers). */
  readonly missing: number;
  /** 0 to 1. */
  readonly missing_share: Figure;
  /** Number of different values that are not missing. */
  readonly distinct: number;
  /** Smallest value as text; shortest first letters for text. */
  readonly minimum: string;
  /** Largest value as text. */
  readonly maximum: string;
  /** Of numbers. */
  readonly mean: Figure | null;
  /** Sample standard deviation of numbers. */
  readonly std: Figure | null;
  /** 1, 5, 25, 50, 75, 95 and 99 % of numbers, named `p01` to `p99`. */
  readonly quantiles: Readonly<Record<string, Figure>>;
  /** Numbers beyond 1.5 interquartile ranges from the quartiles (Tukey's fences). */
  readonly outliers_iqr: number;
  /** Numbers more than 3.5 scaled median absolute deviations from the median (Iglewicz and Hoaglin). */
  readonly outliers_mad: number;
  /** The most frequent values. */
  readonly top: readonly IValueCount[];
  /** Edges of the histogram's bins; for times, seconds since 1970. */
  readonly edges: readonly Figure[];
  /** Values in each bin; one fewer than `edges`. */
  readonly counts: readonly number[];
}

/** Two numeric columns that go together. */
export interface ICorrelation {
  /** Column name. */
  readonly first: string;
  /** Column name. */
  readonly second: string;
  /** Pearson's r over rows where both are present. */
  readonly value: Figure;
}

/** What a table holds, column by column. */
export interface ITableProfile {
  /** Version, path or table. */
  readonly source: string;
  /** Number of rows. */
  readonly rows: number;
  /** Columns that name a row, declared or detected. */
  readonly key: readonly string[];
  /** Rows that repeat an earlier one in every column. */
  readonly duplicate_rows: number;
  /** One profile a column. */
  readonly columns: readonly IColumnProfile[];
  /** The strongest pairs, |r| of at least 0.5. */
  readonly correlations: readonly ICorrelation[];
}

/** Path of the API below the server's base URL. */
export const apiPath = 'mlops-workbench/api';

/** Query parameter that names where the caller stands. */
export const locationParameter = 'location';

/** Schema id of the events that carry an IChange. */
export const changedSchemaId =
  'https://mlops-workbench.readthedocs.io/events/changed/v1';

/** Where each verb lies below apiPath, and what one must be allowed to do. */
export const verbs = {
  init: { method: 'POST', path: 'init', permission: 'run' },
  status: { method: 'GET', path: 'status', permission: 'read' },
  doctor: { method: 'GET', path: 'doctor', permission: 'read' },
  'store tune': { method: 'POST', path: 'store/tune', permission: 'operate' },
  run: { method: 'POST', path: 'run', permission: 'run' },
  bundle: { method: 'GET', path: 'bundle', permission: 'read' },
  sweep: { method: 'POST', path: 'sweep', permission: 'run' },
  sweeps: { method: 'GET', path: 'sweeps', permission: 'read' },
  'sweep show': { method: 'GET', path: 'sweep/show', permission: 'read' },
  'sweep request': { method: 'POST', path: 'sweep/request', permission: 'run' },
  'sweep cancel': { method: 'POST', path: 'sweep/cancel', permission: 'run' },
  pipeline: { method: 'GET', path: 'pipeline', permission: 'read' },
  'pipeline add': { method: 'POST', path: 'pipeline/add', permission: 'run' },
  'pipeline run': { method: 'POST', path: 'pipeline/run', permission: 'run' },
  'pipeline runs': { method: 'GET', path: 'pipeline/runs', permission: 'read' },
  runs: { method: 'GET', path: 'runs', permission: 'read' },
  'runs group': { method: 'GET', path: 'runs/group', permission: 'read' },
  'runs show': { method: 'GET', path: 'runs/show', permission: 'read' },
  'runs verify': { method: 'POST', path: 'runs/verify', permission: 'run' },
  'runs evidence': { method: 'GET', path: 'runs/evidence', permission: 'read' },
  reproduce: { method: 'POST', path: 'reproduce', permission: 'run' },
  'runs compare': { method: 'GET', path: 'runs/compare', permission: 'read' },
  'runs diff': { method: 'GET', path: 'runs/diff', permission: 'read' },
  'runs tag': { method: 'POST', path: 'runs/tag', permission: 'run' },
  'runs note': { method: 'POST', path: 'runs/note', permission: 'run' },
  'runs star': { method: 'POST', path: 'runs/star', permission: 'run' },
  'runs unstar': { method: 'POST', path: 'runs/unstar', permission: 'run' },
  'runs delete': { method: 'POST', path: 'runs/delete', permission: 'run' },
  'runs undelete': { method: 'POST', path: 'runs/undelete', permission: 'run' },
  'runs export': { method: 'POST', path: 'runs/export', permission: 'run' },
  'runs import': { method: 'POST', path: 'runs/import', permission: 'run' },
  gc: { method: 'POST', path: 'gc', permission: 'operate' },
  data: { method: 'GET', path: 'data', permission: 'read' },
  'data snapshot': { method: 'POST', path: 'data/snapshot', permission: 'run' },
  'data restore': { method: 'POST', path: 'data/restore', permission: 'run' },
  'data log': { method: 'GET', path: 'data/log', permission: 'read' },
  'data verify': { method: 'GET', path: 'data/verify', permission: 'read' },
  'data unlock': { method: 'POST', path: 'data/unlock', permission: 'run' },
  'data push': { method: 'POST', path: 'data/push', permission: 'run' },
  'data pull': { method: 'POST', path: 'data/pull', permission: 'run' },
  'data checks': { method: 'GET', path: 'data/checks', permission: 'read' },
  'data infer': { method: 'POST', path: 'data/infer', permission: 'run' },
  'data clean': { method: 'POST', path: 'data/clean', permission: 'run' },
  'data split': { method: 'POST', path: 'data/split', permission: 'run' },
  'data leaks': { method: 'GET', path: 'data/leaks', permission: 'read' },
  'data card': { method: 'GET', path: 'data/card', permission: 'read' },
  'data describe': { method: 'POST', path: 'data/describe', permission: 'run' },
  'data scan': { method: 'GET', path: 'data/scan', permission: 'read' },
  'data erase': { method: 'POST', path: 'data/erase', permission: 'operate' },
  'data import': { method: 'POST', path: 'data/import', permission: 'run' },
  'data export': { method: 'POST', path: 'data/export', permission: 'run' },
  'data diff': { method: 'GET', path: 'data/diff', permission: 'read' },
  'data profile': { method: 'GET', path: 'data/profile', permission: 'read' },
  'data reduce': { method: 'POST', path: 'data/reduce', permission: 'run' },
  watches: { method: 'GET', path: 'watches', permission: 'read' },
  'watch add': { method: 'POST', path: 'watch/add', permission: 'run' },
  ingest: { method: 'POST', path: 'ingest', permission: 'run' },
  lineage: { method: 'GET', path: 'lineage', permission: 'read' },
  'lineage export': {
    method: 'POST',
    path: 'lineage/export',
    permission: 'run'
  },
  'lineage emit': { method: 'POST', path: 'lineage/emit', permission: 'run' },
  secrets: { method: 'GET', path: 'secrets', permission: 'read' },
  'secrets trust': {
    method: 'POST',
    path: 'secrets/trust',
    permission: 'operate'
  },
  targets: { method: 'GET', path: 'targets', permission: 'read' },
  jobs: { method: 'GET', path: 'jobs', permission: 'read' },
  'jobs show': { method: 'GET', path: 'jobs/show', permission: 'read' },
  logs: { method: 'GET', path: 'logs', permission: 'read' },
  cancel: { method: 'POST', path: 'cancel', permission: 'run' },
  retry: { method: 'POST', path: 'retry', permission: 'run' },
  fetch: { method: 'POST', path: 'fetch', permission: 'run' },
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
  'review request-changes': {
    method: 'POST',
    path: 'review/request-changes',
    permission: 'review'
  },
  'review status': { method: 'POST', path: 'review/status', permission: 'run' },
  'review check': {
    method: 'POST',
    path: 'review/check',
    permission: 'review'
  },
  'review compare': {
    method: 'GET',
    path: 'review/compare',
    permission: 'read'
  },
  'review draft': { method: 'GET', path: 'review/draft', permission: 'read' },
  'review override': {
    method: 'POST',
    path: 'review/override',
    permission: 'review'
  },
  'review post-review': {
    method: 'POST',
    path: 'review/post-review',
    permission: 'review'
  },
  'evidence export': {
    method: 'POST',
    path: 'evidence/export',
    permission: 'run'
  },
  'review waive': {
    method: 'POST',
    path: 'review/waive',
    permission: 'review'
  },
  'review comment': {
    method: 'POST',
    path: 'review/comment',
    permission: 'run'
  },
  'policy lint': { method: 'GET', path: 'policy/lint', permission: 'read' },
  'policy explain': {
    method: 'GET',
    path: 'policy/explain',
    permission: 'read'
  },
  'policy test': { method: 'GET', path: 'policy/test', permission: 'read' },
  'policy try': { method: 'GET', path: 'policy/try', permission: 'read' },
  policy: { method: 'GET', path: 'policy', permission: 'read' },
  'policy propose': {
    method: 'POST',
    path: 'policy/propose',
    permission: 'review'
  },
  'policy sign': { method: 'POST', path: 'policy/sign', permission: 'review' },
  'card create': { method: 'POST', path: 'card/create', permission: 'run' },
  'card show': { method: 'GET', path: 'card/show', permission: 'read' },
  notices: { method: 'GET', path: 'notices', permission: 'read' },
  'notices send': {
    method: 'POST',
    path: 'notices/send',
    permission: 'operate'
  },
  releases: { method: 'GET', path: 'releases', permission: 'read' },
  release: { method: 'POST', path: 'release', permission: 'release' },
  rollback: { method: 'POST', path: 'rollback', permission: 'release' },
  verify: { method: 'POST', path: 'verify', permission: 'run' },
  history: { method: 'GET', path: 'history', permission: 'read' },
  runners: { method: 'GET', path: 'runners', permission: 'read' },
  serve: { method: 'POST', path: 'serve', permission: 'operate' },
  stop: { method: 'POST', path: 'stop', permission: 'operate' },
  'gate server-setup': {
    method: 'POST',
    path: 'gate/server-setup',
    permission: 'operate'
  },
  'gate watch': { method: 'POST', path: 'gate/watch', permission: 'operate' },
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
  'audit log': { method: 'GET', path: 'audit/log', permission: 'read' },
  'audit erase': { method: 'POST', path: 'audit/erase', permission: 'operate' },
  'audit checkpoint': {
    method: 'POST',
    path: 'audit/checkpoint',
    permission: 'operate'
  },
  'audit export': { method: 'POST', path: 'audit/export', permission: 'run' }
} as const;

/** What `init` takes. */
export interface IInitParams {
  /** Folder of the project, by default the one you are in; made where it is missing. Default: ".". */
  readonly folder?: string;
  /** Name of the template: `shuttle` (real sensor data, the whole road) or `blank`. Default: "shuttle". */
  readonly template?: string;
  /** Project name; by default the folder's. Default: "". */
  readonly name?: string;
}

/** What `store tune` takes. */
export interface IStoreTuneParams {
  /** The database file; the project's own where empty. Default: "". */
  readonly path?: string;
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
  /** YAML, JSON or TOML file with values for parameters; `params.yaml:train` takes a part of it. Values given with `params` go before those of the file. Default: "". */
  readonly params_file?: string;
  /** Processors that it asks for and may use at most; 0 does not ask. Default: 0. */
  readonly cpus?: number;
  /** Memory that it asks for and may use at most: `8GiB`. Default: "". */
  readonly memory?: string;
  /** GPUs that it asks for. Default: 0. */
  readonly gpus?: number;
  /** After this long it is interrupted and saved: `2h30m`. Default: "". */
  readonly time_limit?: string;
}

/** What `bundle` takes. */
export interface IBundleParams {
  /** Path of the notebook, relative to the project or to the working directory. */
  readonly notebook: string;
  /** How much it may come to, in megabytes; a target's `bundle_limit_mb` says what holds there. Default: 50.0. */
  readonly limit_mb?: number;
}

/** What `sweep` takes. */
export interface ISweepParams {
  /** Path of the notebook, relative to the project or to the working directory. */
  readonly notebook: string;
  /** TOML file that says what may be tried: `depth = {type = "int", low = 2, high = 12}`. */
  readonly space: string;
  /** How many points are tried at most; for a grid, by default all of them. Default: 0. */
  readonly trials?: number;
  /** How many run at the same time. Default: 1. */
  readonly parallel?: number;
  /** Name of a target in workbench.toml; `local` is always there. Default: "local". */
  readonly target?: string;
  /** Metric that counts, its last value; by default the only one that the notebook logs. Default: "". */
  readonly metric?: string;
  /** `maximize` or `minimize`. Default: "maximize". */
  readonly direction?: string;
  /** How points are chosen: `tpe` learns from those before, `random`, or `grid` for every one. Default: "tpe". */
  readonly sampler?: string;
  /** `median` ends a trial that is worse than half of those before it were at the same step. Default: "none". */
  readonly pruner?: string;
  /** Name of the parent run; by default the notebook's. Default: "". */
  readonly name?: string;
  /** The same seed tries the same points, where one runs at a time and nothing is interrupted. Default: 0. */
  readonly seed?: number;
  /** Processors that each trial asks for and may use at most; 0 does not ask. Default: 0. */
  readonly cpus?: number;
  /** Memory that each trial asks for and may use at most: `8GiB`. Default: "". */
  readonly memory?: string;
  /** GPUs that each trial asks for. Default: 0. */
  readonly gpus?: number;
  /** After this long a trial is interrupted and saved, and has failed: `2h30m`. Default: "". */
  readonly time_limit?: string;
}

/** What `sweeps` takes. */
export interface ISweepsParams {
  /** At most so many, up to 10,000. Default: 50. */
  readonly limit?: number;
}

/** What `sweep show` takes. */
export interface ISweepShowParams {
  /** Its id, or a unique beginning of it. */
  readonly sweep: string;
}

/** What `sweep request` takes. */
export interface ISweepRequestParams {
  /** Id of the sweep, or a unique beginning of it. */
  readonly sweep: string;
  /** The stage, as `policy/gate.toml` names it. Default: "production". */
  readonly to?: string;
  /** Return when the checks are done instead of at once. Default: false. */
  readonly wait?: boolean;
}

/** What `sweep cancel` takes. */
export interface ISweepCancelParams {
  /** Its id, or a unique beginning of it. */
  readonly sweep: string;
}

/** What `pipeline add` takes. */
export interface IPipelineAddParams {
  /** The notebook, inside the project. */
  readonly notebook: string;
  /** Files and folders it reads. Default: []. */
  readonly inputs?: readonly string[];
  /** Files and folders it writes; at least one. Default: []. */
  readonly outputs?: readonly string[];
  /** Values for its parameters; they are kept in `params.yaml`, where people change them. */
  readonly params?: Readonly<Record<string, string>> | null;
  /** Name of the stage; by default the notebook's. Default: "". */
  readonly name?: string;
}

/** What `pipeline run` takes. */
export interface IPipelineRunParams {
  /** Only these, and what they depend on; by default all. Default: []. */
  readonly stages?: readonly string[];
  /** Whether to return only at the end. Default: false. */
  readonly wait?: boolean;
}

/** What `pipeline runs` takes. */
export interface IPipelineRunsParams {
  /** At most so many, up to 10,000. Default: 20. */
  readonly limit?: number;
}

/** What `runs` takes. */
export interface IRunsParams {
  /** Such as `metrics.f1 > 0.9 AND NOT params.depth = 3` or `started > -7d`; empty for all. Default: "". */
  readonly query?: string;
  /** Field to sort by, with `-` before it the largest first: `-metrics.f1`; runs without it come last. Default: "". */
  readonly sort?: string;
  /** At most so many, up to 10,000. Default: 100. */
  readonly limit?: number;
  /** Leave out so many at the beginning. Default: 0. */
  readonly offset?: number;
  /** Only those RUNNING, FINISHED, FAILED, KILLED or LOST. Default: "". */
  readonly state?: string;
  /** Only those of this notebook, as a path relative to the project. Default: "". */
  readonly source?: string;
  /** List the deleted runs instead. Default: false. */
  readonly deleted?: boolean;
}

/** What `runs group` takes. */
export interface IRunsGroupParams {
  /** What they are grouped by: `params.depth`, `source`, `data`, … A run with several inputs or models counts in each of their groups. */
  readonly field: string;
  /** Only runs that this query asks for. Default: "". */
  readonly query?: string;
  /** Metric to judge by: `-metrics.f1` where more is better, `metrics.loss` where less is. The best group comes first; without it the largest. Default: "". */
  readonly sort?: string;
  /** At most so many groups. Default: 100. */
  readonly limit?: number;
}

/** What `runs show` takes. */
export interface IRunsShowParams {
  /** Run id, or the beginning of one that no other run shares. */
  readonly run: string;
}

/** What `runs verify` takes. */
export interface IRunsVerifyParams {
  /** Run id, or a unique beginning of one. */
  readonly run: string;
}

/** What `runs evidence` takes. */
export interface IRunsEvidenceParams {
  /** Run id, or a unique beginning of one. */
  readonly run: string;
}

/** What `reproduce` takes. */
export interface IReproduceParams {
  /** Run id, or a unique beginning of one. */
  readonly run: string;
  /** Target that the replays run on. Default: "local". */
  readonly target?: string;
  /** How many replays, up to 20. Default: 1. */
  readonly replays?: number;
  /** Highest level to try; up to R2 nothing is run. Default: "R4". */
  readonly level?: string;
  /** Relative and absolute difference up to which two metrics count as equal. Default: 0.0. */
  readonly tolerance?: number;
  /** Seconds after which the replays are cancelled. Default: 600.0. */
  readonly timeout_s?: number;
  /** Wait for the end; by default a process of its own does it and what is known so far comes back at once. Default: false. */
  readonly wait?: boolean;
}

/** What `runs compare` takes. */
export interface IRunsCompareParams {
  /** Two or more run ids, or beginnings of them. */
  readonly runs: readonly string[];
}

/** What `runs diff` takes. */
export interface IRunsDiffParams {
  /** Run id, or a unique beginning of one. */
  readonly before: string;
  /** Another. */
  readonly after: string;
}

/** What `runs tag` takes. */
export interface IRunsTagParams {
  /** Run id, or a unique beginning of one. */
  readonly run: string;
  /** Values by name. */
  readonly tags: Readonly<Record<string, string>>;
}

/** What `runs note` takes. */
export interface IRunsNoteParams {
  /** Run id, or a unique beginning of one. */
  readonly run: string;
  /** The whole note; it takes the place of the one before. */
  readonly text: string;
}

/** What `runs star` takes. */
export interface IRunsStarParams {
  /** Run ids, or unique beginnings of them. */
  readonly runs: readonly string[];
}

/** What `runs unstar` takes. */
export interface IRunsUnstarParams {
  /** Run ids, or unique beginnings of them. */
  readonly runs: readonly string[];
}

/** What `runs delete` takes. */
export interface IRunsDeleteParams {
  /** Run ids, or unique beginnings of them. */
  readonly runs: readonly string[];
}

/** What `runs undelete` takes. */
export interface IRunsUndeleteParams {
  /** Ids of deleted runs, or unique beginnings of them: `mlops runs --deleted` lists them. */
  readonly runs: readonly string[];
}

/** What `runs export` takes. */
export interface IRunsExportParams {
  /** The file to write, such as `runs.zip`. */
  readonly path: string;
  /** Run ids, or unique beginnings of them. Default: []. */
  readonly runs?: readonly string[];
  /** Runs that this query asks for, beside those that are named. Default: "". */
  readonly query?: string;
}

/** What `runs import` takes. */
export interface IRunsImportParams {
  /** The file. */
  readonly path: string;
}

/** What `gc` takes. */
export interface IGcParams {
  /** Free it; without this nothing is changed. Default: false. */
  readonly yes?: boolean;
  /** Deleted runs, ended jobs and the like are kept for so many days. Default: 30.0. */
  readonly older_than_days?: number;
}

/** What `data snapshot` takes. */
export interface IDataSnapshotParams {
  /** Files or folders inside the project. */
  readonly paths: readonly string[];
  /** What you want to remember of them. Default: "". */
  readonly message?: string;
  /** Why data that breaks its declared checks is recorded all the same. Default: "". */
  readonly accept?: string;
}

/** What `data restore` takes. */
export interface IDataRestoreParams {
  /** Id of a version (`data/readings.csv@0123456789ab`); the digits may be cut short. */
  readonly version: string;
}

/** What `data log` takes. */
export interface IDataLogParams {
  /** Its path; a file in a versioned folder belongs to the folder. */
  readonly dataset: string;
}

/** What `data verify` takes. */
export interface IDataVerifyParams {
  /** Datasets or version ids to look at; by default all. Default: []. */
  readonly paths?: readonly string[];
}

/** What `data unlock` takes. */
export interface IDataUnlockParams {
  /** Datasets, or files in them. */
  readonly paths: readonly string[];
}

/** What `data push` takes. */
export interface IDataPushParams {
  /** Datasets whose present version is sent, or ids of versions; by default all datasets. Default: []. */
  readonly paths?: readonly string[];
  /** Name of the remote; by default DVC's default remote. Default: "". */
  readonly remote?: string;
  /** Send all recorded versions of these datasets, not only the present ones. Default: false. */
  readonly every_version?: boolean;
}

/** What `data pull` takes. */
export interface IDataPullParams {
  /** Datasets, as their `.dvc` files say, or ids of versions; by default all datasets. Default: []. */
  readonly paths?: readonly string[];
  /** Name of the remote; by default DVC's default remote. Default: "". */
  readonly remote?: string;
}

/** What `data checks` takes. */
export interface IDataChecksParams {
  /** A table inside the project, or the id of one of its versions (`data/readings.csv@0123456789ab`). */
  readonly path: string;
}

/** What `data infer` takes. */
export interface IDataInferParams {
  /** A table inside the project, or the id of one of its versions. */
  readonly path: string;
  /** Write over a checks file that is there already. Default: false. */
  readonly replace_file?: boolean;
}

/** What `data clean` takes. */
export interface IDataCleanParams {
  /** A table inside the project, or the id of one of its versions. */
  readonly path: string;
  /** Table to write; its name says in which form. */
  readonly out: string;
  /** Recipe to fit: a TOML file with `[[steps]]` (`do`, `by`, `columns`, `factor`, `value`). Default: "". */
  readonly recipe?: string;
  /** Split file that says which rows are for training; by default `<path>.split.csv`. Default: "". */
  readonly split?: string;
  /** Fit on all rows, where there is nothing to be tested. Default: false. */
  readonly whole?: boolean;
  /** Fitted recipe to apply instead of fitting one. Default: "". */
  readonly apply?: string;
}

/** What `data split` takes. */
export interface IDataSplitParams {
  /** A table inside the project. */
  readonly path: string;
  /** `random` (equal rows stay together), `group` (all rows of a machine, say, stay together) or `time` (the latest rows are the test). Default: "random". */
  readonly by?: string;
  /** Column of the groups or of the time. Default: "". */
  readonly column?: string;
  /** Share of the test part, 0 to 1. Default: 0.2. */
  readonly test?: number;
  /** Share of the validation part, 0 to 1. Default: 0.0. */
  readonly validation?: number;
  /** Another seed, another choice. Default: 0. */
  readonly seed?: number;
  /** Split file to write; by default `<path>.split.csv`. Default: "". */
  readonly out?: string;
  /** Write over another split that is there already. Default: false. */
  readonly replace_file?: boolean;
}

/** What `data leaks` takes. */
export interface IDataLeaksParams {
  /** The table that was split. */
  readonly path: string;
  /** Split file (`row,part`); by default `<path>.split.csv`. Default: "". */
  readonly split?: string;
  /** Column of groups or times to look at, where the split file names none. Default: "". */
  readonly column?: string;
  /** `group` or `time`, what the column is. Default: "". */
  readonly by?: string;
}

/** What `data card` takes. */
export interface IDataCardParams {
  /** The dataset, or the id of one of its versions: all versions share one card. */
  readonly path: string;
}

/** What `data describe` takes. */
export interface IDataDescribeParams {
  /** The dataset, or the id of one of its versions. */
  readonly path: string;
  /** Who answers for it: a role or a mail address. Default: "". */
  readonly owner?: string;
  /** What it was collected for. Default: "". */
  readonly purpose?: string;
  /** `public`, `internal`, `confidential` or `personal`. Default: "". */
  readonly data_class?: string;
  /** How long it is kept (`2 years`), until when (`2027-03-31`), or `forever`. Default: "". */
  readonly retention?: string;
  /** Who may have it. Default: "". */
  readonly sharing?: string;
  /** Whom to ask. Default: "". */
  readonly contact?: string;
  /** Language of the explanations in the file: `en` or `ja`. Default: "en". */
  readonly language?: string;
}

/** What `data scan` takes. */
export interface IDataScanParams {
  /** A file or folder inside the project, or the id of a version of a file. */
  readonly path: string;
}

/** What `data erase` takes. */
export interface IDataEraseParams {
  /** Datasets. */
  readonly paths: readonly string[];
  /** Column that names the person. Default: "". */
  readonly column?: string;
  /** File with the values, one a line. Default: "". */
  readonly value_file?: string;
  /** Environment variable with the values, one a line. Default: "". */
  readonly values_env?: string;
  /** Do it. Without a column, finish an erasure that stopped half way. Default: false. */
  readonly yes?: boolean;
}

/** What `data import` takes. */
export interface IDataImportParams {
  /** CSV, TSV, Parquet, Feather or Excel file; empty with `--query`, or to read the last source again. Default: "". */
  readonly source?: string;
  /** Name of the table; by default the file's. Default: "". */
  readonly name?: string;
  /** Column that names a row; repeat it for several. Found out where one plainly does. Default: []. */
  readonly key?: readonly string[];
  /** Sheet of a workbook; the first by default. Default: "". */
  readonly sheet?: string;
  /** Rows before the header; found out for text files. */
  readonly skip_rows?: number | null;
  /** Of a text file; found out: utf-8, utf-16, cp932 (Shift JIS), euc-jp. Default: "". */
  readonly encoding?: string;
  /** Of a text file; found out. Default: "". */
  readonly delimiter?: string;
  /** SQL to ask a database with, instead of a file. Default: "". */
  readonly query?: string;
  /** Name of the environment variable that holds the database's SQLAlchemy address. Default: "". */
  readonly url_env?: string;
  /** Keep the source's own bytes too where the columns cannot give them back (Parquet, Excel). Default: false. */
  readonly keep_original?: boolean;
  /** Find everything out again instead of obeying the recipe; a declared key stays. Default: false. */
  readonly infer?: boolean;
  /** What you want to remember of this version. Default: "". */
  readonly message?: string;
}

/** What `data export` takes. */
export interface IDataExportParams {
  /** Version, path or name of a table; of a plain file, the file. */
  readonly version: string;
  /** File to write. */
  readonly path: string;
  /** `original`, `parquet`, `csv` or `feather`; by default what the file's name says, `original` where the source had that format and its bytes are there. Default: "". */
  readonly format?: string;
  /** Replace a file that is there already. Default: false. */
  readonly overwrite?: boolean;
}

/** What `data diff` takes. */
export interface IDataDiffParams {
  /** Version, path or name of a table. */
  readonly before: string;
  /** Version, path or name of a table. */
  readonly after: string;
  /** Column that names a row; repeat it for several. By default the tables' own key. Default: []. */
  readonly key?: readonly string[];
  /** How many rows of each kind to show. Default: 10. */
  readonly examples?: number;
}

/** What `data profile` takes. */
export interface IDataProfileParams {
  /** Version, path or name of a table; CSV, TSV, Parquet, Feather and Excel files too. */
  readonly source: string;
  /** Only these columns. Default: []. */
  readonly columns?: readonly string[];
}

/** What `data reduce` takes. */
export interface IDataReduceParams {
  /** Table inside the project: CSV, TSV, Parquet, Feather, Excel, or one kept by the block. */
  readonly path: string;
  /** TOML file with the steps. */
  readonly recipe: string;
  /** Parquet file to write, inside the project. */
  readonly out: string;
}

/** What `watch add` takes. */
export interface IWatchAddParams {
  /** Folder to watch: inside the project, or absolute (a share). */
  readonly folder: string;
  /** Name of the watch. */
  readonly name: string;
  /** Folder of the project that takes the files; by default `data/<name>`. Default: "". */
  readonly into?: string;
  /** Which files: `*.csv`, or `** /*.csv` for folders below, too. Default: "*". */
  readonly pattern?: string;
  /** Seconds a file must have been left alone before it is taken. Default: 5.0. */
  readonly settle_s?: number;
}

/** What `ingest` takes. */
export interface IIngestParams {
  /** Only this watch; by default all. Default: "". */
  readonly name?: string;
  /** Take files whose columns differ from those before, and expect the new ones from now on. Default: false. */
  readonly accept_schema?: boolean;
}

/** What `lineage` takes. */
export interface ILineageParams {
  /** A run, job, file, notebook, dataset version, model digest, review, release, channel, window or alert; the beginning of an id is enough. */
  readonly id: string;
  /** `up`: what it was made from; `down`: what was made from it; `both`. Default: "both". */
  readonly direction?: string;
  /** At most so many nodes; the newest are kept. Default: 1000. */
  readonly limit?: number;
}

/** What `lineage export` takes. */
export interface ILineageExportParams {
  /** What `mlops lineage` takes. */
  readonly id: string;
  /** File to write; an older one is replaced. */
  readonly to: string;
  /** `prov`, or `openlineage` for the beginnings and ends of the runs, one event a line. Default: "prov". */
  readonly format?: string;
}

/** What `secrets trust` takes. */
export interface ISecretsTrustParams {
  /** Names as `mlops secrets` lists them: notices.chat, targets.gpu-box, gate. */
  readonly sections: readonly string[];
}

/** What `targets` takes. */
export interface ITargetsParams {
  /** Ask far targets again, however lately they answered. Default: false. */
  readonly refresh?: boolean;
}

/** What `jobs` takes. */
export interface IJobsParams {
  /** At most so many, up to 10,000. Default: 50. */
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

/** What `retry` takes. */
export interface IRetryParams {
  /** Its id, or a unique beginning of it. */
  readonly job: string;
}

/** What `fetch` takes. */
export interface IFetchParams {
  /** Its id, or a unique beginning of it. */
  readonly job: string;
  /** Which files: `output.ipynb`, `artifacts/*`, `work/out/**`, at any depth. */
  readonly patterns: readonly string[];
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
  /** Who it is, usually a mail address; several names of one person with commas between, of which the first is recorded. */
  readonly principal: string;
  /** Path of an `id_….pub`, or the line in it. */
  readonly public_key: string;
  /** What it may sign, where not everything: `check`, `comment`, `approve`, …. Default: []. */
  readonly only?: readonly string[];
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
  /** UTC time of signing, as `review draft` showed it; now by default. Default: "". */
  readonly at?: string;
  /** Digest of the statement, as `review draft` showed it; another is not signed. Default: "". */
  readonly shown?: string;
}

/** What `review reject` takes. */
export interface IReviewRejectParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** What has to change; it becomes part of what you sign. */
  readonly reason: string;
  /** UTC time of signing, as `review draft` showed it; now by default. Default: "". */
  readonly at?: string;
  /** Digest of the statement, as `review draft` showed it; another is not signed. Default: "". */
  readonly shown?: string;
}

/** What `review request-changes` takes. */
export interface IReviewRequestChangesParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** What has to change; it becomes part of what you sign. */
  readonly reason: string;
  /** UTC time of signing, as `review draft` showed it; now by default. Default: "". */
  readonly at?: string;
  /** Digest of the statement, as `review draft` showed it; another is not signed. Default: "". */
  readonly shown?: string;
}

/** What `review status` takes. */
export interface IReviewStatusParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** Also write JUnit XML here, whatever comes out. Default: "". */
  readonly junit?: string;
}

/** What `review check` takes. */
export interface IReviewCheckParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
}

/** What `review compare` takes. */
export interface IReviewCompareParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
}

/** What `review draft` takes. */
export interface IReviewDraftParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** `approve`, `changes-requested`, `reject`, `waive`, `override`, `post-review` or `comment`. Default: "approve". */
  readonly verdict?: string;
  /** What you would say. Default: "". */
  readonly reason?: string;
  /** The check that you would waive. Default: "". */
  readonly check?: string;
  /** What you would comment on; the whole by default. Default: "". */
  readonly on?: string;
}

/** What `review override` takes. */
export interface IReviewOverrideParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** Why it cannot wait, in at least 20 characters; it becomes part of what you sign. */
  readonly reason: string;
  /** UTC time of signing, as `review draft` showed it; now by default. Default: "". */
  readonly at?: string;
  /** Digest of the statement, as `review draft` showed it; another is not signed. Default: "". */
  readonly shown?: string;
}

/** What `review post-review` takes. */
export interface IReviewPostReviewParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** What you found, in at least 20 characters; it becomes part of what you sign. */
  readonly reason: string;
  /** UTC time of signing, as `review draft` showed it; now by default. Default: "". */
  readonly at?: string;
  /** Digest of the statement, as `review draft` showed it; another is not signed. Default: "". */
  readonly shown?: string;
}

/** What `evidence export` takes. */
export interface IEvidenceExportParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** The zip. */
  readonly path: string;
  /** Put the model's own files in as well; without, their digests are in it. Default: false. */
  readonly with_model?: boolean;
  /** Replace a file that is there. Default: false. */
  readonly overwrite?: boolean;
}

/** What `review waive` takes. */
export interface IReviewWaiveParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** The check; `policy/gate.toml` lists which may be, under `waivable`. */
  readonly check: string;
  /** Why, in at least 20 characters; it becomes part of what you sign. */
  readonly reason: string;
  /** UTC time of signing, as `review draft` showed it; now by default. Default: "". */
  readonly at?: string;
  /** Digest of the statement, as `review draft` showed it; another is not signed. Default: "". */
  readonly shown?: string;
}

/** What `review comment` takes. */
export interface IReviewCommentParams {
  /** Review id, or the beginning of one that no other review shares. */
  readonly review: string;
  /** What you say, at most 4,000 characters. */
  readonly text: string;
  /** What it is about: `check:<name>`, `metric:<name>` or `cell:<id>`; the whole by default. Default: "". */
  readonly on?: string;
  /** UTC time of signing, as `review draft` showed it; now by default. Default: "". */
  readonly at?: string;
  /** Digest of the statement, as `review draft` showed it; another is not signed. Default: "". */
  readonly shown?: string;
}

/** What `policy lint` takes. */
export interface IPolicyLintParams {
  /** Another file than `policy/gate.toml`. Default: "". */
  readonly path?: string;
}

/** What `policy explain` takes. */
export interface IPolicyExplainParams {
  /** One stage; all by default. Default: "". */
  readonly stage?: string;
}

/** What `policy test` takes. */
export interface IPolicyTestParams {
  /** The cases. */
  readonly file: string;
  /** Another policy than `policy/gate.toml`. Default: "". */
  readonly path?: string;
}

/** What `policy try` takes. */
export interface IPolicyTryParams {
  /** The policy to try. */
  readonly path: string;
}

/** What `policy propose` takes. */
export interface IPolicyProposeParams {
  /** Why it should be so. */
  readonly reason: string;
}

/** What `policy sign` takes. */
export interface IPolicySignParams {
  /** What you looked at; it becomes part of what you sign. Default: "". */
  readonly reason?: string;
}

/** What `card create` takes. */
export interface ICardCreateParams {
  /** Name of the model. */
  readonly model: string;
  /** `en` or `ja`. Default: "en". */
  readonly language?: string;
}

/** What `card show` takes. */
export interface ICardShowParams {
  /** Name of the model. */
  readonly model: string;
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
  /** Version, release id, review id or beginning of a model digest, of a release on this channel or of an approved review for it that was never released; by default the newest earlier model that nobody rolled back from. Default: "". */
  readonly to?: string;
}

/** What `verify` takes. */
export interface IVerifyParams {
  /** A channel (`churn@production`), or a folder with a model that must be what is released on one (`./churn@production` where it has such a name). */
  readonly what: string;
  /** Write the verified bytes into this folder, which must be empty or absent. Default: "". */
  readonly into?: string;
}

/** What `history` takes. */
export interface IHistoryParams {
  /** A model's name, for all its channels, or one channel: `<model>@<stage>`. */
  readonly model: string;
  /** Only what ran at this moment: `2026-11-24T09:30`, in UTC unless it says otherwise (`2026-11-24T18:30+09:00`). Default: "". */
  readonly at?: string;
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

/** What `gate server-setup` takes. */
export interface IGateServerSetupParams {
  /** Names of the models. */
  readonly models: readonly string[];
  /** An administrator of the server. Default: "admin". */
  readonly admin?: string;
  /** Where their password comes from: `env:NAME`, `file:/path`, `keyring:service/user`. Default: "env:MLFLOW_AUTH_ADMIN_PASSWORD". */
  readonly admin_password?: string;
}

/** What `gate watch` takes. */
export interface IGateWatchParams {
  /** Do not read and digest artifacts. Default: false. */
  readonly quick?: boolean;
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

/** What `audit verify` takes. */
export interface IAuditVerifyParams {
  /** One checkpoint's file, or where they are kept: `git`, a folder or a URL. Default: "". */
  readonly checkpoint?: string;
  /** An `allowed_signers` file that says who may sign checkpoints; `policy/reviewers` by default. Default: "". */
  readonly signers?: string;
}

/** What `audit log` takes. */
export interface IAuditLogParams {
  /** At most so many, up to 10,000. Default: 50. */
  readonly limit?: number;
  /** Only events behind this number, the oldest of them first; 0 shows the last ones. Default: 0. */
  readonly after?: number;
}

/** What `audit erase` takes. */
export interface IAuditEraseParams {
  /** Number of the event: `mlops audit log`. */
  readonly seq: number;
  /** Why; kept in the store, not in the journal. */
  readonly reason: string;
}

/** What `audit checkpoint` takes. */
export interface IAuditCheckpointParams {
  /** `git` for a ref beside the branches (push it: `git push origin 'refs/workbench/*'`), a folder or a URL that fsspec opens. Default: "git". */
  readonly to?: string;
}

/** What `audit export` takes. */
export interface IAuditExportParams {
  /** The file; `<path>.VERIFY.md` is written beside it. */
  readonly path: string;
  /** Replace a file that is there. Default: false. */
  readonly overwrite?: boolean;
}

/** What each verb takes. */
export interface IVerbParams {
  readonly init: IInitParams;
  readonly status: Readonly<Record<string, never>>;
  readonly doctor: Readonly<Record<string, never>>;
  readonly 'store tune': IStoreTuneParams;
  readonly run: IRunParams;
  readonly bundle: IBundleParams;
  readonly sweep: ISweepParams;
  readonly sweeps: ISweepsParams;
  readonly 'sweep show': ISweepShowParams;
  readonly 'sweep request': ISweepRequestParams;
  readonly 'sweep cancel': ISweepCancelParams;
  readonly pipeline: Readonly<Record<string, never>>;
  readonly 'pipeline add': IPipelineAddParams;
  readonly 'pipeline run': IPipelineRunParams;
  readonly 'pipeline runs': IPipelineRunsParams;
  readonly runs: IRunsParams;
  readonly 'runs group': IRunsGroupParams;
  readonly 'runs show': IRunsShowParams;
  readonly 'runs verify': IRunsVerifyParams;
  readonly 'runs evidence': IRunsEvidenceParams;
  readonly reproduce: IReproduceParams;
  readonly 'runs compare': IRunsCompareParams;
  readonly 'runs diff': IRunsDiffParams;
  readonly 'runs tag': IRunsTagParams;
  readonly 'runs note': IRunsNoteParams;
  readonly 'runs star': IRunsStarParams;
  readonly 'runs unstar': IRunsUnstarParams;
  readonly 'runs delete': IRunsDeleteParams;
  readonly 'runs undelete': IRunsUndeleteParams;
  readonly 'runs export': IRunsExportParams;
  readonly 'runs import': IRunsImportParams;
  readonly gc: IGcParams;
  readonly data: Readonly<Record<string, never>>;
  readonly 'data snapshot': IDataSnapshotParams;
  readonly 'data restore': IDataRestoreParams;
  readonly 'data log': IDataLogParams;
  readonly 'data verify': IDataVerifyParams;
  readonly 'data unlock': IDataUnlockParams;
  readonly 'data push': IDataPushParams;
  readonly 'data pull': IDataPullParams;
  readonly 'data checks': IDataChecksParams;
  readonly 'data infer': IDataInferParams;
  readonly 'data clean': IDataCleanParams;
  readonly 'data split': IDataSplitParams;
  readonly 'data leaks': IDataLeaksParams;
  readonly 'data card': IDataCardParams;
  readonly 'data describe': IDataDescribeParams;
  readonly 'data scan': IDataScanParams;
  readonly 'data erase': IDataEraseParams;
  readonly 'data import': IDataImportParams;
  readonly 'data export': IDataExportParams;
  readonly 'data diff': IDataDiffParams;
  readonly 'data profile': IDataProfileParams;
  readonly 'data reduce': IDataReduceParams;
  readonly watches: Readonly<Record<string, never>>;
  readonly 'watch add': IWatchAddParams;
  readonly ingest: IIngestParams;
  readonly lineage: ILineageParams;
  readonly 'lineage export': ILineageExportParams;
  readonly 'lineage emit': Readonly<Record<string, never>>;
  readonly secrets: Readonly<Record<string, never>>;
  readonly 'secrets trust': ISecretsTrustParams;
  readonly targets: ITargetsParams;
  readonly jobs: IJobsParams;
  readonly 'jobs show': IJobsShowParams;
  readonly logs: ILogsParams;
  readonly cancel: ICancelParams;
  readonly retry: IRetryParams;
  readonly fetch: IFetchParams;
  readonly 'identity create': IIdentityCreateParams;
  readonly reviewers: Readonly<Record<string, never>>;
  readonly 'reviewers add': IReviewersAddParams;
  readonly reviews: Readonly<Record<string, never>>;
  readonly 'review show': IReviewShowParams;
  readonly 'review request': IReviewRequestParams;
  readonly 'review approve': IReviewApproveParams;
  readonly 'review reject': IReviewRejectParams;
  readonly 'review request-changes': IReviewRequestChangesParams;
  readonly 'review status': IReviewStatusParams;
  readonly 'review check': IReviewCheckParams;
  readonly 'review compare': IReviewCompareParams;
  readonly 'review draft': IReviewDraftParams;
  readonly 'review override': IReviewOverrideParams;
  readonly 'review post-review': IReviewPostReviewParams;
  readonly 'evidence export': IEvidenceExportParams;
  readonly 'review waive': IReviewWaiveParams;
  readonly 'review comment': IReviewCommentParams;
  readonly 'policy lint': IPolicyLintParams;
  readonly 'policy explain': IPolicyExplainParams;
  readonly 'policy test': IPolicyTestParams;
  readonly 'policy try': IPolicyTryParams;
  readonly policy: Readonly<Record<string, never>>;
  readonly 'policy propose': IPolicyProposeParams;
  readonly 'policy sign': IPolicySignParams;
  readonly 'card create': ICardCreateParams;
  readonly 'card show': ICardShowParams;
  readonly notices: Readonly<Record<string, never>>;
  readonly 'notices send': Readonly<Record<string, never>>;
  readonly releases: Readonly<Record<string, never>>;
  readonly release: IReleaseParams;
  readonly rollback: IRollbackParams;
  readonly verify: IVerifyParams;
  readonly history: IHistoryParams;
  readonly runners: Readonly<Record<string, never>>;
  readonly serve: IServeParams;
  readonly stop: IStopParams;
  readonly 'gate server-setup': IGateServerSetupParams;
  readonly 'gate watch': IGateWatchParams;
  readonly monitor: Readonly<Record<string, never>>;
  readonly 'monitor check': IMonitorCheckParams;
  readonly alerts: IAlertsParams;
  readonly 'alerts acknowledge': IAlertsAcknowledgeParams;
  readonly 'alerts resolve': IAlertsResolveParams;
  readonly report: IReportParams;
  readonly 'audit verify': IAuditVerifyParams;
  readonly 'audit log': IAuditLogParams;
  readonly 'audit erase': IAuditEraseParams;
  readonly 'audit checkpoint': IAuditCheckpointParams;
  readonly 'audit export': IAuditExportParams;
}

/** What each verb answers. */
export interface IVerbResults {
  readonly init: ICreated;
  readonly status: IProjectStatus;
  readonly doctor: readonly IFinding[];
  readonly 'store tune': ITunedStore;
  readonly run: IJobCard;
  readonly bundle: IBundleCard;
  readonly sweep: ISweepCard;
  readonly sweeps: readonly ISweepCard[];
  readonly 'sweep show': ISweepCard;
  readonly 'sweep request': IReviewCard;
  readonly 'sweep cancel': ISweepCard;
  readonly pipeline: readonly IStageCard[];
  readonly 'pipeline add': IStageCard;
  readonly 'pipeline run': IPipelineRun;
  readonly 'pipeline runs': readonly IPipelineRun[];
  readonly runs: readonly IRunCard[];
  readonly 'runs group': readonly IRunGroup[];
  readonly 'runs show': IRunDetail;
  readonly 'runs verify': IReproduction;
  readonly 'runs evidence': IReproduction;
  readonly reproduce: IReproduction;
  readonly 'runs compare': IRunComparison;
  readonly 'runs diff': IRunDiff;
  readonly 'runs tag': IRunDetail;
  readonly 'runs note': IRunCard;
  readonly 'runs star': readonly IRunCard[];
  readonly 'runs unstar': readonly IRunCard[];
  readonly 'runs delete': readonly IRunCard[];
  readonly 'runs undelete': readonly IRunCard[];
  readonly 'runs export': IRunArchive;
  readonly 'runs import': IRunArchive;
  readonly gc: readonly IStorageReport[];
  readonly data: readonly IDatasetVersion[];
  readonly 'data snapshot': readonly IDatasetVersion[];
  readonly 'data restore': IDatasetVersion;
  readonly 'data log': readonly IDatasetVersion[];
  readonly 'data verify': readonly ICachedVersion[];
  readonly 'data unlock': readonly IDatasetVersion[];
  readonly 'data push': IDataTransfer;
  readonly 'data pull': IDataTransfer;
  readonly 'data checks': IDataCheckReport;
  readonly 'data infer': IDataCheckReport;
  readonly 'data clean': ICleanReport;
  readonly 'data split': ISplitReport;
  readonly 'data leaks': ISplitReport;
  readonly 'data card': IDataCard;
  readonly 'data describe': IDataCard;
  readonly 'data scan': IPersonalScan;
  readonly 'data erase': IErasureReport;
  readonly 'data import': IImportedTable;
  readonly 'data export': IExportedData;
  readonly 'data diff': IDataDiff;
  readonly 'data profile': ITableProfile;
  readonly 'data reduce': IReductionReport;
  readonly watches: readonly IWatchCard[];
  readonly 'watch add': IWatchCard;
  readonly ingest: readonly IIngestReport[];
  readonly lineage: ILineage;
  readonly 'lineage export': ILineageExport;
  readonly 'lineage emit': ILineageExport;
  readonly secrets: readonly ISecretUse[];
  readonly 'secrets trust': readonly ISecretUse[];
  readonly targets: readonly ITargetCard[];
  readonly jobs: readonly IJobCard[];
  readonly 'jobs show': IJobCard;
  readonly logs: readonly IJobEvent[];
  readonly cancel: IJobCard;
  readonly retry: IJobCard;
  readonly fetch: IJobFiles;
  readonly 'identity create': IIdentity;
  readonly reviewers: readonly IReviewer[];
  readonly 'reviewers add': IReviewer;
  readonly reviews: readonly IReviewCard[];
  readonly 'review show': IReviewCard;
  readonly 'review request': IReviewCard;
  readonly 'review approve': IReviewCard;
  readonly 'review reject': IReviewCard;
  readonly 'review request-changes': IReviewCard;
  readonly 'review status': IReviewStatus;
  readonly 'review check': IReviewCard;
  readonly 'review compare': IReviewComparison;
  readonly 'review draft': IStatementDraft;
  readonly 'review override': IReviewCard;
  readonly 'review post-review': IReviewCard;
  readonly 'evidence export': IExportedEvidence;
  readonly 'review waive': IReviewCard;
  readonly 'review comment': IReviewCard;
  readonly 'policy lint': readonly IPolicyWarning[];
  readonly 'policy explain': readonly IPolicyDemand[];
  readonly 'policy test': readonly IPolicyCase[];
  readonly 'policy try': readonly IPolicyTrial[];
  readonly policy: IPolicyChange;
  readonly 'policy propose': IPolicyChange;
  readonly 'policy sign': IPolicyChange;
  readonly 'card create': IModelCard;
  readonly 'card show': IModelCard;
  readonly notices: readonly INoticeCard[];
  readonly 'notices send': readonly INoticeCard[];
  readonly releases: readonly IReleaseCard[];
  readonly release: IReleaseCard;
  readonly rollback: IReleaseCard;
  readonly verify: IVerifiedRelease;
  readonly history: readonly IReleaseInterval[];
  readonly runners: readonly IRunnerCard[];
  readonly serve: IRunnerCard;
  readonly stop: IRunnerCard;
  readonly 'gate server-setup': IServerGate;
  readonly 'gate watch': readonly IOutOfBandChange[];
  readonly monitor: readonly IMonitorCard[];
  readonly 'monitor check': IMonitorCard;
  readonly alerts: readonly IAlertCard[];
  readonly 'alerts acknowledge': IAlertCard;
  readonly 'alerts resolve': IAlertCard;
  readonly report: IReportFile;
  readonly 'audit verify': IAuditReport;
  readonly 'audit log': readonly IJournalEvent[];
  readonly 'audit erase': IErasedPayload;
  readonly 'audit checkpoint': ICheckpoint;
  readonly 'audit export': IExportedJournal;
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
