import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/** Which things of a list are chosen, in the order in which they were. */
export class Selection implements IDisposable {
  /** Emitted when something was chosen or no longer is. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The chosen ids. */
  get ids(): readonly string[] {
    return this._ids;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether `id` is chosen. */
  has(id: string): boolean {
    return this._ids.includes(id);
  }

  /** Choose `id`, or no longer. */
  toggle(id: string): void {
    this._ids = this.has(id)
      ? this._ids.filter(other => other !== id)
      : [...this._ids, id];
    this._changed.emit();
  }

  /** Choose nothing. */
  clear(): void {
    if (this._ids.length > 0) {
      this._ids = [];
      this._changed.emit();
    }
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _ids: readonly string[] = [];
  private _isDisposed = false;
}
