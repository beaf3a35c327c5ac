import type { TranslationBundle } from '@jupyterlab/translation';
import type { ITargetCard } from '../../api/contract';
import type { IParameter } from '../../model/parameters';

/** What the dialog "Run notebook" asks for. */
export interface ISubmission {
  readonly target: string;
  /** Only what was changed; the notebook's own defaults stand for the rest. */
  readonly params: Readonly<Record<string, string>>;
}

/** The form of the dialog "Run notebook": where, and with which parameters. */
export function SubmitForm(props: {
  notebook: string;
  targets: readonly ITargetCard[];
  parameters: readonly IParameter[];
  value: ISubmission;
  trans: TranslationBundle;
  onChange(value: ISubmission): void;
}): JSX.Element {
  const { notebook, targets, parameters, value, trans, onChange } = props;
  const chosen = targets.find(target => target.name === value.target);
  return (
    <div className="wb-Form-body" data-testid="wb-submit">
      <p className="wb-Form-lead">{notebook}</p>
      <label className="wb-Field">
        <span>{trans.__('Target')}</span>
        <select
          className="wb-Select"
          data-testid="wb-submit-target"
          value={value.target}
          onChange={event => onChange({ ...value, target: event.target.value })}
        >
          {targets.map(target => (
            <option key={target.name} value={target.name}>
              {target.is_ready
                ? target.name
                : trans.__('%1 (not ready)', target.name)}
            </option>
          ))}
        </select>
      </label>
      {chosen && !chosen.is_ready && (
        <p className="wb-Hint" role="status">
          {chosen.checks.find(check => !check.is_ok)?.message}
        </p>
      )}
      {parameters.length === 0 ? (
        <p className="wb-Hint">
          {trans.__(
            'This notebook declares no parameters. Tag a cell “parameters” and its assignments appear here.'
          )}
        </p>
      ) : (
        <fieldset className="wb-Fieldset">
          <legend>{trans.__('Parameters')}</legend>
          {parameters.map(parameter => (
            <label key={parameter.name} className="wb-Field">
              <span title={parameter.comment}>{parameter.name}</span>
              <input
                type="text"
                className="jp-mod-styled"
                spellCheck={false}
                data-testid={`wb-submit-param-${parameter.name}`}
                placeholder={parameter.value}
                value={value.params[parameter.name] ?? ''}
                onChange={event =>
                  onChange({
                    ...value,
                    params: changed(
                      value.params,
                      parameter.name,
                      event.target.value
                    )
                  })
                }
              />
            </label>
          ))}
        </fieldset>
      )}
    </div>
  );
}

/** An emptied field falls back to the notebook's default. */
function changed(
  params: Readonly<Record<string, string>>,
  name: string,
  text: string
): Readonly<Record<string, string>> {
  const rest = Object.entries(params).filter(([other]) => other !== name);
  return Object.fromEntries(text === '' ? rest : [...rest, [name, text]]);
}
