import type { TranslationBundle } from '@jupyterlab/translation';
import type { IRunCard } from '../../api/contract';
import { formatFigure } from '../../parts/figures';
import { keyMetric } from '../runs/rows';

/** What the dialog "Request review" asks for. */
export interface IRequest {
  /** Run id of the candidate. */
  readonly model: string;
  /** Stage it is asked for. */
  readonly stage: string;
}

/** The form of the dialog "Request review": which model, and for which stage. */
export function RequestForm(props: {
  /** Finished runs that logged a model, the newest first. */
  runs: readonly IRunCard[];
  value: IRequest;
  trans: TranslationBundle;
  locale: string;
  onChange(value: IRequest): void;
}): JSX.Element {
  const { runs, value, trans, locale, onChange } = props;
  return (
    <div className="wb-Form-body" data-testid="wb-request">
      <label className="wb-Field wb-Field-wide">
        <span>{trans.__('Model from run')}</span>
        <select
          className="wb-Select"
          data-testid="wb-request-run"
          value={value.model}
          onChange={event => onChange({ ...value, model: event.target.value })}
        >
          {runs.map(run => (
            <option key={run.id} value={run.id}>
              {optionText(run, locale)}
            </option>
          ))}
        </select>
      </label>
      <label className="wb-Field wb-Field-wide">
        <span>{trans.__('Stage')}</span>
        <input
          type="text"
          className="jp-mod-styled"
          spellCheck={false}
          data-testid="wb-request-stage"
          value={value.stage}
          onChange={event => onChange({ ...value, stage: event.target.value })}
        />
      </label>
      <p className="wb-Hint">
        {trans.__(
          'The model is frozen as it is now; checks run on the frozen bytes in the background.'
        )}
      </p>
    </div>
  );
}

function optionText(run: IRunCard, locale: string): string {
  const metric = keyMetric(run);
  return [
    run.models.join(', '),
    run.name,
    metric && `${metric[0]} ${formatFigure(metric[1], locale)}`
  ]
    .filter(Boolean)
    .join(' · ');
}
