import { ReactWidget } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ReactElement } from 'react';
import type { IProblem } from '../api/contract';

/** A Lumino widget around one React element. */
export class ViewWidget extends ReactWidget {
  /**
   * @param view What it shows; it follows its models by itself.
   * @param className Its CSS class.
   */
  constructor(view: ReactElement, className: string) {
    super();
    this.addClass('wb-View');
    this.addClass(className);
    this._view = view;
  }

  protected override render(): ReactElement {
    return this._view;
  }

  private readonly _view: ReactElement;
}

/** Draws a form, tells each new value, and shows what was refused. */
export type DrawForm<T> = (
  value: T,
  onChange: (value: T) => void,
  problem: IProblem | null
) => ReactElement;

/** A dialog's body with a value. */
export class FormWidget<T> extends ReactWidget {
  /**
   * @param initial The value before anything is typed.
   * @param form Draws the form.
   */
  constructor(initial: T, form: DrawForm<T>) {
    super();
    this.addClass('wb-Form');
    this._value = initial;
    this._form = form;
  }

  /** Another value. */
  get changed(): ISignal<this, T> {
    return this._changed;
  }

  /** What was refused, for as long as it stands in the form. */
  get problem(): IProblem | null {
    return this._problem;
  }

  set problem(problem: IProblem | null) {
    this._problem = problem;
    this.update();
  }

  /** What the dialog hands back. */
  getValue(): T {
    return this._value;
  }

  protected override render(): ReactElement {
    return this._form(
      this._value,
      value => {
        this._value = value;
        this.update();
        this._changed.emit(value);
      },
      this._problem
    );
  }

  private _value: T;
  private _problem: IProblem | null = null;
  private readonly _changed = new Signal<this, T>(this);
  private readonly _form: DrawForm<T>;
}
