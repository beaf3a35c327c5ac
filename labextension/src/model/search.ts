import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { IRunCard, IRunsParams } from '../api/contract';

/** So many runs are read at first; each time the end of the list comes into sight, twice as many. */
export const FIRST_RUNS = 200;

/** The server gives at most so many runs in one answer. */
const MOST_RUNS = 10_000;

/** What runs are asked for. */
export interface IRunOrder {
  /** The query, as `mlops runs` takes it; empty for all. */
  readonly query: string;
  /** Field to sort by, with `-` before it the largest first; empty for the newest first. */
  readonly sort: string;
}

/** Which runs the panel shows, in which order and how many of them; and the names that a query may use. */
export class RunSearch implements IDisposable {
  /**
   * @param read Asks the server.
   */
  constructor(read: (params: IRunsParams) => Promise<readonly IRunCard[]>) {
    this._read = read;
  }

  /** Emitted when something else is asked for, even where the answer is the same. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** What is asked for now. */
  get order(): IRunOrder {
    return this._order;
  }

  /** Whether the server has more runs than were read. */
  get hasMore(): boolean {
    return this._hasMore;
  }

  /** Names of metrics, in the order of the alphabet. */
  get metrics(): readonly string[] {
    return [...this._metrics].sort();
  }

  /** Names of parameters, in the order of the alphabet. */
  get params(): readonly string[] {
    return [...this._params].sort();
  }

  /** Ask for something else; the list begins at its top again. */
  ask(order: Partial<IRunOrder>): void {
    this._order = { ...this._order, ...order };
    this._wanted = FIRST_RUNS;
    this._changed.emit();
  }

  /** Want twice as many from now on. */
  wantMore(): void {
    this._wanted *= 2;
  }

  /** Forget everything, because it was about another project. */
  clear(): void {
    this.ask({ query: '', sort: '' });
    this._metrics.clear();
    this._params.clear();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  /** Read all runs that are wanted. */
  async read(): Promise<readonly IRunCard[]> {
    const runs: IRunCard[] = [];
    let isShort = false;
    while (!isShort && runs.length < this._wanted) {
      const limit = Math.min(this._wanted - runs.length, MOST_RUNS);
      const page = await this._read({
        ...this._order,
        limit,
        offset: runs.length
      });
      isShort = page.length < limit;
      runs.push(...page);
    }
    this._hasMore = !isShort;
    for (const run of runs) {
      Object.keys(run.metrics).forEach(name => this._metrics.add(name));
      Object.keys(run.params).forEach(name => this._params.add(name));
    }
    return runs;
  }

  private readonly _read: (params: IRunsParams) => Promise<readonly IRunCard[]>;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _metrics = new Set<string>();
  private readonly _params = new Set<string>();
  private _order: IRunOrder = { query: '', sort: '' };
  private _wanted = FIRST_RUNS;
  private _hasMore = false;
  private _isDisposed = false;
}
