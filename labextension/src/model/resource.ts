import { JSONExt } from '@lumino/coreutils';
import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ProblemError } from '../api/problem';
import { asProblem } from '../api/problem';

/**
 * One answer of the server, read again on demand.
 *
 * Answers that say the same as the last one keep its identity and emit nothing, so a list that is read every few seconds
 * costs no rendering. A refresh during a refresh is remembered, not run in parallel: an old answer never overtakes a new.
 */
export class Resource<T> implements IDisposable {
  /**
   * @param fetch Asks the server.
   */
  constructor(fetch: () => Promise<T>) {
    this._fetch = fetch;
  }

  /** Emitted when the value or the problem is another. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The last good answer; null before the first. */
  get value(): T | null {
    return this._value;
  }

  /** What went wrong at the last refresh; null where it went well. */
  get problem(): ProblemError | null {
    return this._problem;
  }

  /** Whether there is neither an answer nor a problem yet. */
  get isPending(): boolean {
    return this._value === null && this._problem === null;
  }

  /** Whether the server is being asked. */
  get isRunning(): boolean {
    return this._running !== null;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Ask again; resolves when the newest answer is in place, never rejects. */
  refresh(): Promise<void> {
    if (this._running) {
      this._isStale = true;
      return this._running;
    }
    this._running = this._run().finally(() => {
      this._running = null;
    });
    return this._running;
  }

  /** Forget the answer, because it belongs to another project; one on its way is dropped. */
  clear(): void {
    this._generation += 1;
    this._set(null, null);
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private async _run(): Promise<void> {
    do {
      this._isStale = false;
      const generation = this._generation;
      try {
        const value = await this._fetch();
        if (generation === this._generation) {
          this._set(value, null);
        }
      } catch (error) {
        if (generation === this._generation) {
          this._set(this._value, asProblem(error));
        }
      }
    } while (this._isStale && !this._isDisposed);
  }

  private _set(value: T | null, problem: ProblemError | null): void {
    const isSame = sameJSON(value, this._value);
    if (this._isDisposed || (isSame && sameProblem(problem, this._problem))) {
      return;
    }
    this._value = isSame ? this._value : value;
    this._problem = problem;
    this._changed.emit();
  }

  private readonly _fetch: () => Promise<T>;
  private readonly _changed = new Signal<this, void>(this);
  private _value: T | null = null;
  private _problem: ProblemError | null = null;
  private _running: Promise<void> | null = null;
  private _isStale = false;
  private _isDisposed = false;
  private _generation = 0;
}

function sameJSON(a: unknown, b: unknown): boolean {
  return JSONExt.deepEqual(
    a as ReadonlyPartialJSONValue,
    b as ReadonlyPartialJSONValue
  );
}

function sameProblem(a: ProblemError | null, b: ProblemError | null): boolean {
  return a?.code === b?.code && a?.message === b?.message;
}
