import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { IClient } from '../api/client';
import type {
  ChangedNoun,
  IAlertCard,
  IDatasetVersion,
  IJobCard,
  IMonitorCard,
  IProjectStatus,
  IReleaseCard,
  IReviewCard,
  IRunCard,
  IRunnerCard,
  IStageCard,
  ISweepCard,
  ITargetCard,
  IVerbParams,
  IVerbResults,
  IWatchCard,
  VerbWords
} from '../api/contract';
import { changedNouns } from '../api/contract';
import { asProblem } from '../api/problem';
import { Resource } from './resource';
import type { Screen } from './screen';
import { screenOfHello, screenOfProblem } from './screen';
import type { IRunOrder } from './search';
import { RunSearch } from './search';
import { Selection } from './selection';

/**
 * The project that the user stands in, as the panel and its tabs see it.
 *
 * It holds one list for each room and no state of its own that the server does not have, apart from what is chosen for
 * comparison. Views read it and listen to its signals; commands ask it to carry out verbs.
 */
export class Workbench implements IDisposable {
  /**
   * @param client The way to the server.
   * @param language Language that alerts are worded in: `en` or `ja`.
   */
  constructor(client: IClient, language: 'en' | 'ja' = 'en') {
    this._client = client;
    this.search = new RunSearch(params => this._read('runs', params));
    this.runs = new Resource(() => this.search.read());
    this.jobs = new Resource(() => this._read('jobs', {}));
    this.data = new Resource(() => this._read('data', {}));
    this.watches = new Resource(() => this._read('watches', {}));
    this.stages = new Resource(() => this._read('pipeline', {}));
    this.sweeps = new Resource(() => this._read('sweeps', {}));
    this.targets = new Resource(() => this._read('targets', {}));
    this.reviews = new Resource(() => this._read('reviews', {}));
    this.releases = new Resource(() => this._read('releases', {}));
    this.runners = new Resource(() => this._read('runners', {}));
    this.monitors = new Resource(() => this._read('monitor', {}));
    this.alerts = new Resource(() => this._read('alerts', { language }));
  }

  readonly runs: Resource<readonly IRunCard[]>;
  readonly jobs: Resource<readonly IJobCard[]>;
  readonly data: Resource<readonly IDatasetVersion[]>;
  readonly watches: Resource<readonly IWatchCard[]>;
  readonly stages: Resource<readonly IStageCard[]>;
  readonly sweeps: Resource<readonly ISweepCard[]>;
  readonly targets: Resource<readonly ITargetCard[]>;
  readonly reviews: Resource<readonly IReviewCard[]>;
  readonly releases: Resource<readonly IReleaseCard[]>;
  readonly runners: Resource<readonly IRunnerCard[]>;
  readonly monitors: Resource<readonly IMonitorCard[]>;
  readonly alerts: Resource<readonly IAlertCard[]>;

  /** Which runs are shown, and in which order. */
  readonly search: RunSearch;

  /** The runs that are chosen for comparison. */
  readonly selection = new Selection();

  /** Emitted when the screen, the status or the location is another. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted with what was read again, so that open tabs read theirs too. */
  get refreshed(): ISignal<this, ReadonlySet<ChangedNoun>> {
    return this._refreshed;
  }

  /** What the panel has to say as a whole. */
  get screen(): Screen {
    return this._screen;
  }

  /** The project's status; null unless the screen is `ready`. */
  get status(): IProjectStatus | null {
    return this._screen.kind === 'ready' ? this._screen.status : null;
  }

  /** Contents path of the folder or notebook where the user stands. */
  get location(): string {
    return this._location;
  }

  /** Whether something runs that makes progress without journal events. */
  get isBusy(): boolean {
    return (this.status?.open_jobs ?? 0) > 0 || this._hasLiveRun();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Tell where the user stands now; the project is asked for again where that is another folder. */
  async locate(location: string): Promise<void> {
    if (location === this._location) {
      return;
    }
    this._location = location;
    // Before somebody looks nothing is asked; a first question on its way notices the move by itself.
    if (this._screen.kind !== 'loading') {
      await this.refresh();
    }
  }

  /**
   * Ask the server whether it is there, where we are, and for every list.
   *
   * @returns The journal's length before the lists were read: whatever came later they may not say; -1 without a project.
   */
  async refresh(): Promise<number> {
    await this.check();
    const seq = this.status?.journal_seq ?? -1;
    if (this.status) {
      await this._refreshLists(this._lists());
      this._refreshed.emit(new Set(changedNouns));
    }
    return seq;
  }

  /** Read again what a change names, and the counts. */
  async refreshNouns(nouns: ReadonlySet<ChangedNoun>): Promise<void> {
    const lists = new Set([...nouns].flatMap(noun => this._listsOf(noun)));
    await Promise.all([this.check(), this._refreshLists([...lists])]);
    this._refreshed.emit(nouns);
  }

  /** Show other runs, or in another order. */
  async find(order: Partial<IRunOrder>): Promise<void> {
    this.search.ask(order);
    await this.runs.refresh();
  }

  /** Read more runs, where there are more. */
  async findMore(): Promise<void> {
    if (this.search.hasMore && !this.runs.isRunning) {
      this.search.wantMore();
      await this.runs.refresh();
    }
  }

  /** Ask for the greeting and the status alone. */
  async check(): Promise<void> {
    const location = this._location;
    let screen: Screen;
    try {
      screen =
        screenOfHello(await this._client.hello()) ??
        ({
          kind: 'ready',
          status: await this._client.call('status', {}, location)
        } as const);
    } catch (error) {
      screen = screenOfProblem(asProblem(error), location);
    }
    if (this._isDisposed) {
      return;
    }
    if (location === this._location) {
      this._show(screen);
    } else {
      await this.check();
    }
  }

  /**
   * Carry out a verb where the user stands.
   *
   * @returns A promise that is rejected with a ProblemError.
   */
  call<V extends VerbWords>(
    words: V,
    params: IVerbParams[V]
  ): Promise<IVerbResults[V]> {
    return this._client.call(words, params, this._location);
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._lists().forEach(list => list.dispose());
    this.search.dispose();
    this.selection.dispose();
    Signal.clearData(this);
  }

  private _show(screen: Screen): void {
    const before = this.status?.root;
    this._screen = screen;
    if (before !== undefined && before !== this.status?.root) {
      this._lists().forEach(list => list.clear());
      this.search.clear();
      this.selection.clear();
    }
    this._changed.emit();
  }

  private _read<V extends VerbWords>(
    words: V,
    params: IVerbParams[V]
  ): Promise<IVerbResults[V]> {
    return this._client.call(words, params, this._location);
  }

  private async _refreshLists(
    lists: readonly Resource<unknown>[]
  ): Promise<void> {
    await Promise.all(lists.map(list => list.refresh()));
  }

  private _lists(): readonly Resource<unknown>[] {
    return [...new Set(changedNouns.flatMap(noun => this._listsOf(noun)))];
  }

  private _listsOf(noun: ChangedNoun): readonly Resource<unknown>[] {
    const lists: Record<ChangedNoun, readonly Resource<unknown>[]> = {
      // A pipeline's events are the project's.
      project: [this.targets, this.stages],
      data: [this.data, this.watches, this.stages],
      job: [this.jobs, this.runs, this.targets],
      run: [this.runs],
      sweep: [this.sweeps],
      // An override makes a release red, and a post-review ends that.
      review: [this.reviews, this.releases],
      reviewer: [this.reviews],
      release: [this.releases, this.runners, this.reviews],
      // A folder's lag grows without an event; runners are looked at again and again anyway.
      runner: [this.runners, this.watches],
      window: [this.monitors],
      alert: [this.alerts, this.monitors],
      report: []
    };
    // A newer server may name what we do not know; then nothing of ours has changed.
    return lists[noun] ?? [];
  }

  private _hasLiveRun(): boolean {
    return (this.runs.value ?? []).some(run => run.state === 'RUNNING');
  }

  private readonly _client: IClient;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _refreshed = new Signal<this, ReadonlySet<ChangedNoun>>(
    this
  );
  private _screen: Screen = { kind: 'loading' };
  private _location = '';
  private _isDisposed = false;
}
