import type { KeyboardEvent } from 'react';
import { useId, useState } from 'react';
import type { IVocabulary } from '../../model/completion';
import { completed, completionsAt } from '../../model/completion';
import type { IRoom } from '../../model/tokens';
import { LEVELS } from '../../parts/level';
import { useModels } from '../../parts/hooks';
import { runStates } from '../../api/contract';
import { QueryProblem } from './refusal';

/** Code of what the box itself shows. */
export const QUERY_INVALID = 'query-invalid';

/** The box in which runs are asked for, with what may stand where the caret is. */
export function QueryBox(props: { room: IRoom }): JSX.Element {
  const { workbench, trans } = props.room;
  useModels(workbench.runs, workbench.search);
  const id = useId();
  const asked = workbench.search.order.query;
  const [text, setText] = useState(asked);
  const [seen, setSeen] = useState(asked);
  const [caret, setCaret] = useState<number | null>(null);
  const [choice, setChoice] = useState(-1);
  if (seen !== asked) {
    // Somebody else asked: the table, or a group that was opened.
    setSeen(asked);
    setText(asked);
  }
  const offered =
    caret === null
      ? { from: 0, items: [] }
      : completionsAt(text, caret, vocabularyOf(props.room));
  const problem = workbench.runs.problem;
  const refused = problem?.code === QUERY_INVALID ? problem : null;
  const option = (index: number): string => `${id}-${index}`;

  const ask = (query: string): void => {
    setCaret(null);
    void workbench.find({ query });
  };
  const type = (next: string, at: number | null): void => {
    setText(next);
    setCaret(at);
    setChoice(-1);
  };
  const take = (item: string, input: HTMLInputElement | null): void => {
    const next = completed(text, caret ?? text.length, offered.from, item);
    type(next.text, next.caret);
    window.requestAnimationFrame(() => {
      input?.focus();
      input?.setSelectionRange(next.caret, next.caret);
    });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    const chosen = offered.items[choice];
    const count = offered.items.length;
    if (event.key === 'ArrowDown' && count > 0) {
      setChoice((choice + 1) % count);
    } else if (event.key === 'ArrowDown') {
      setCaret(event.currentTarget.selectionStart);
    } else if (event.key === 'ArrowUp' && count > 0) {
      setChoice((choice <= 0 ? count : choice) - 1);
    } else if (event.key === 'Tab' && chosen !== undefined) {
      take(chosen, event.currentTarget);
    } else if (event.key === 'Enter') {
      if (chosen === undefined) {
        ask(text);
      } else {
        take(chosen, event.currentTarget);
      }
    } else if (event.key === 'Escape' && caret !== null) {
      setCaret(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="wb-Query">
      <div className="wb-Query-line">
        <input
          type="text"
          className="wb-Query-input"
          role="combobox"
          aria-label={trans.__('Query for runs')}
          aria-autocomplete="list"
          aria-expanded={offered.items.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={choice < 0 ? undefined : option(choice)}
          aria-invalid={refused !== null}
          aria-describedby={refused ? `${id}-problem` : undefined}
          placeholder={trans.__('Find runs: metrics.f1 > 0.9')}
          spellCheck={false}
          autoComplete="off"
          data-testid="wb-query"
          value={text}
          onChange={event =>
            type(event.target.value, event.target.selectionStart)
          }
          onBlur={() => setCaret(null)}
          onKeyDown={onKeyDown}
        />
        {(text || asked) && (
          <button
            type="button"
            className="wb-Button"
            data-testid="wb-query-clear"
            aria-label={trans.__('Clear query')}
            title={trans.__('Clear query')}
            onClick={() => {
              setText('');
              ask('');
            }}
          >
            ×
          </button>
        )}
      </div>
      <ul
        id={`${id}-list`}
        className="wb-Query-list"
        role="listbox"
        aria-label={trans.__('Completions')}
        hidden={offered.items.length === 0}
      >
        {offered.items.map((item, index) => (
          // The input keeps the focus and hears the keys.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={item}
            id={option(index)}
            role="option"
            aria-selected={index === choice}
            onMouseDown={event => event.preventDefault()}
            onClick={event =>
              take(
                item,
                event.currentTarget
                  .closest('.wb-Query')
                  ?.querySelector('input') ?? null
              )
            }
          >
            {item}
          </li>
        ))}
      </ul>
      {refused && (
        <QueryProblem
          id={`${id}-problem`}
          room={props.room}
          query={asked}
          problem={refused}
        />
      )}
    </div>
  );
}

function vocabularyOf(room: IRoom): IVocabulary {
  const { workbench } = room;
  const { search } = workbench;
  const runs = workbench.runs.value ?? [];
  const some = (values: readonly string[]): readonly string[] =>
    [...new Set(values)].filter(Boolean).sort();
  return {
    metrics: search.metrics,
    params: search.params,
    values: {
      state: runStates,
      level: LEVELS,
      starred: ['true', 'false'],
      source: some(runs.map(run => run.source)),
      name: some(runs.map(run => run.name)),
      actor: some(runs.map(run => run.actor)),
      target: some(runs.map(run => run.target)),
      model: some(runs.flatMap(run => run.models)),
      data: some((workbench.data.value ?? []).map(item => item.path)),
      started: ['-1d', '-7d', '-30d']
    }
  };
}
