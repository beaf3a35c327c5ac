import { Dialog } from '@jupyterlab/apputils';
import { asProblem } from '../api/problem';
import type { DrawForm } from './widget';
import { FormWidget } from './widget';

/** What a dialog that acts needs. */
export interface IActing<T> {
  readonly title: string;
  readonly cancelLabel: string;
  /** The word on the button that acts. */
  readonly actLabel: string;
  readonly isWarning?: boolean;
  readonly initial: T;
  readonly form: DrawForm<T>;
  /** Whether there is enough to act on. */
  isReady(value: T): boolean;
  /** Does it; what it throws is shown in the form, and the dialog stays. */
  act(value: T): Promise<unknown>;
}

/**
 * A dialog that closes when what it was opened for is done, and stays open with the reason where that was refused:
 * nothing that was typed is lost, and message and hint stand where one can act on them.
 */
export class ActingDialog<T> extends Dialog<T> {
  /** @param acting What it asks and does. */
  constructor(acting: IActing<T>) {
    const body = new FormWidget<T>(acting.initial, acting.form);
    const label = acting.actLabel;
    const button = acting.isWarning
      ? Dialog.warnButton({ label })
      : Dialog.okButton({ label });
    super({
      title: acting.title,
      body,
      buttons: [Dialog.cancelButton({ label: acting.cancelLabel }), button],
      focusNodeSelector: 'textarea'
    });
    this.addClass('wb-Acting');
    this._acting = acting;
    this._form = body;
    body.changed.connect(() => this._checkValidation());
    this._checkValidation();
  }

  /** Act first; only what worked closes the dialog. */
  override resolve(index: number = ACT): void {
    if (index !== ACT) {
      super.resolve(index);
    } else if (this._isReady) {
      void this._act();
    }
  }

  protected override _checkValidation(): void {
    super._checkValidation();
    const button = this.node.querySelector<HTMLButtonElement>(
      '.jp-Dialog-footer .jp-mod-accept'
    );
    if (button && !this._isReady) {
      button.disabled = true;
    }
  }

  private get _isReady(): boolean {
    return !this._isBusy && this._acting.isReady(this._form.getValue());
  }

  private async _act(): Promise<void> {
    this._isBusy = true;
    this._checkValidation();
    try {
      await this._acting.act(this._form.getValue());
      super.resolve(ACT);
    } catch (error) {
      this._form.problem = asProblem(error);
    }
    this._isBusy = false;
    this._checkValidation();
    if (!this.isDisposed) {
      // The button was off for a moment and lost the focus; without it the keyboard would be outside.
      this.node.querySelector('textarea')?.focus();
    }
  }

  private _isBusy = false;
  private readonly _acting: IActing<T>;
  private readonly _form: FormWidget<T>;
}

/** Place of the button that acts; the one before it gives up. */
const ACT = 1;
