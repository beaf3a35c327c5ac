import { ReactWidget } from '@jupyterlab/ui-components';
import type { ReactElement } from 'react';

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

/** A dialog's body with a value. */
export class FormWidget<T> extends ReactWidget {
  /**
   * @param initial The value before anything is typed.
   * @param form Draws the form and tells each new value.
   */
  constructor(
    initial: T,
    form: (value: T, onChange: (value: T) => void) => ReactElement
  ) {
    super();
    this.addClass('wb-Form');
    this._value = initial;
    this._form = form;
  }

  /** What the dialog hands back. */
  getValue(): T {
    return this._value;
  }

  protected override render(): ReactElement {
    return this._form(this._value, value => {
      this._value = value;
      this.update();
    });
  }

  private _value: T;
  private readonly _form: (
    value: T,
    onChange: (value: T) => void
  ) => ReactElement;
}
