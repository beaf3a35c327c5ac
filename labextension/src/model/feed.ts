import type { Event } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import type { ChangedNoun } from '../api/contract';
import { changedSchemaId } from '../api/contract';
import type { Workbench } from './workbench';

/** How long changes are gathered before the server is asked, in milliseconds: at most four questions a second. */
const GATHER_MS = 250;

/** How often the server is asked anyway, in milliseconds; for proxies that drop sockets, and events with them. */
const POLL_MS = 30_000;

/**
 * Keeps a workbench in step with the server.
 *
 * The server's events say only which nouns changed in which project; every browser gets every event, so those of other
 * projects are left aside here.
 */
export class Feed implements IDisposable {
  /**
   * @param workbench What is kept in step.
   * @param stream The server's events.
   */
  constructor(workbench: Workbench, stream: Event.Stream) {
    this._workbench = workbench;
    this._stream = stream;
    this._poll = new Poll({
      auto: false,
      name: 'mlops-workbench:feed',
      factory: () => this._look(),
      frequency: { interval: POLL_MS, backoff: true, max: 10 * POLL_MS },
      standby: 'when-hidden'
    });
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Begin; nothing is asked of the server before somebody looks. */
  async start(): Promise<void> {
    if (this._isStarted) {
      return;
    }
    this._isStarted = true;
    this._stream.connect(this._onEvent, this);
    this._seq = await this._workbench.refresh();
    await this._poll.schedule({ phase: 'started', interval: POLL_MS });
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._stream.disconnect(this._onEvent, this);
      this._poll.dispose();
      window.clearTimeout(this._timer);
      Signal.clearData(this);
    }
  }

  private _onEvent(_: Event.IManager, emission: Event.Emission): void {
    if (
      emission.schema_id !== changedSchemaId ||
      emission.root !== this._workbench.status?.root ||
      !Array.isArray(emission.nouns)
    ) {
      return;
    }
    (emission.nouns as ChangedNoun[]).forEach(noun => this._nouns.add(noun));
    this._gather();
  }

  /** Ask in a moment; what comes while the server is being asked is asked for afterwards. */
  private _gather(): void {
    if (
      this._timer === undefined &&
      this._nouns.size > 0 &&
      !this._isDisposed
    ) {
      this._timer = window.setTimeout(() => void this._flush(), GATHER_MS);
    }
  }

  private async _flush(): Promise<void> {
    const nouns = new Set(this._nouns);
    this._nouns.clear();
    try {
      await this._workbench.refreshNouns(nouns);
    } finally {
      this._timer = undefined;
      this._gather();
    }
  }

  /** The slow way: the journal's length tells whether anything happened since everything was read. */
  private async _look(): Promise<void> {
    await this._workbench.check();
    const status = this._workbench.status;
    if (
      status &&
      (status.journal_seq !== this._seq || this._workbench.isBusy)
    ) {
      this._seq = await this._workbench.refresh();
    } else if (status) {
      await this._workbench.refreshNouns(new Set<ChangedNoun>(['runner']));
    }
  }

  private readonly _workbench: Workbench;
  private readonly _stream: Event.Stream;
  private readonly _poll: Poll;
  private readonly _nouns = new Set<ChangedNoun>();
  private _timer: number | undefined;
  private _seq = -1;
  private _isStarted = false;
  private _isDisposed = false;
}
