import type { IJobCard, IJobEvent } from '../api/contract';
import type { Workbench } from './workbench';

/** At most so many characters of output are kept: a browser has to lay them out again at every look. */
const KEPT = 200_000;

/** A job as its tab shows it. */
export interface IJobView {
  readonly card: IJobCard;
  /** What its cells printed, the end of it where it is long. */
  readonly output: string;
  /** Whether the beginning of the output was left out. */
  readonly isCut: boolean;
}

/** Reads a job and, each time, only what it has said since. */
export class JobLog {
  /**
   * @param workbench The way to the server.
   * @param job The job's id.
   */
  constructor(workbench: Workbench, job: string) {
    this._workbench = workbench;
    this._job = job;
  }

  /** Ask how the job stands and what is new. */
  async read(): Promise<IJobView> {
    const card = await this._workbench.call('jobs show', { job: this._job });
    if (card.attempt !== this._attempt) {
      // Another attempt says everything anew.
      this._attempt = card.attempt;
      this._after = 0;
      this._output = '';
      this._isCut = false;
    }
    const events = await this._workbench.call('logs', {
      job: this._job,
      after: this._after
    });
    this._take(events);
    return { card, output: this._output, isCut: this._isCut };
  }

  private _take(events: readonly IJobEvent[]): void {
    for (const event of events) {
      // Two looks may overlap; what is known is not said twice.
      if (event.seq <= this._after) {
        continue;
      }
      this._after = event.seq;
      if (event.kind === 'out') {
        this._output += textOf(event.data['text']);
      }
    }
    if (this._output.length > KEPT) {
      this._output = this._output.slice(-KEPT);
      this._isCut = true;
    }
  }

  private readonly _workbench: Workbench;
  private readonly _job: string;
  private _attempt = 0;
  private _after = 0;
  private _output = '';
  private _isCut = false;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
