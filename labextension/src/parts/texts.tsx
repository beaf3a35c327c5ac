import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { FormWidget } from './widget';

/** One field of a small form. */
export interface IField {
  readonly name: string;
  readonly label: string;
  readonly isLong?: boolean;
}

/**
 * Ask for some texts.
 *
 * @returns The texts by name; null where nobody wants to.
 */
export async function askTexts(
  trans: TranslationBundle,
  title: string,
  okLabel: string,
  fields: readonly IField[],
  initial: Readonly<Record<string, string>> = {}
): Promise<Readonly<Record<string, string>> | null> {
  const result = await showDialog<Readonly<Record<string, string>>>({
    title,
    body: new FormWidget(initial, (value, onChange) => (
      <div className="wb-Form-body" data-testid="wb-texts">
        {fields.map(field => {
          const common = {
            value: value[field.name] ?? '',
            'data-testid': `wb-text-${field.name}`,
            onChange: (event: { target: { value: string } }): void =>
              onChange({ ...value, [field.name]: event.target.value })
          };
          return (
            <label
              key={field.name}
              className={field.isLong ? 'wb-Field wb-Field-wide' : 'wb-Field'}
            >
              <span>{field.label}</span>
              {field.isLong ? (
                <textarea rows={6} {...common} />
              ) : (
                <input type="text" className="jp-mod-styled" {...common} />
              )}
            </label>
          );
        })}
      </div>
    )),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: okLabel })
    ]
  });
  return result.button.accept ? result.value : null;
}
