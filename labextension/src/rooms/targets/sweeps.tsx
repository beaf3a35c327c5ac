import type { ISweepCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { formatFigure } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { useModels } from '../../parts/hooks';
import { ProblemNote } from '../../parts/problem';
import { jobWord } from '../../parts/words';

/** Searches over parameters: how far each is and what was best; nothing where there are none. */
export function Sweeps(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { sweeps } = room.workbench;
  useModels(sweeps);
  return (
    <>
      {sweeps.problem && <ProblemNote problem={sweeps.problem} />}
      {(sweeps.value ?? []).length > 0 && (
        <section className="wb-Sources" data-testid="wb-sweeps">
          <h3>{room.trans.__('Sweeps')}</h3>
          {sweeps.value?.map(sweep => (
            <Sweep key={sweep.id} room={room} sweep={sweep} />
          ))}
        </section>
      )}
    </>
  );
}

function Sweep(props: { room: IRoom; sweep: ISweepCard }): JSX.Element {
  const { room, sweep } = props;
  const { trans } = room;
  const word = jobWord(sweep.state, trans);
  const point = Object.entries(sweep.best_params)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
  return (
    <div className="wb-Line" data-testid={`wb-sweep-${sweep.id}`}>
      <Glyph tone={word.tone} label={word.label} />
      <span className="wb-Row-name" title={sweep.notebook}>
        {sweep.name}
        <span className="wb-Row-version">{sweep.target}</span>
      </span>
      <NextStep room={room} sweep={sweep} />
      <span className="wb-Row-note wb-Span" title={point}>
        {figuresOf(room, sweep)}
      </span>
    </div>
  );
}

/** The one thing to do with it: end it while it runs, then look at what was best. */
function NextStep(props: { room: IRoom; sweep: ISweepCard }): JSX.Element {
  const { room, sweep } = props;
  const { trans, commands } = room;
  if (sweep.state === 'RUNNING') {
    return (
      <CommandButton
        commands={commands}
        id={CommandIDs.cancelSweep}
        args={{ sweep: sweep.id }}
        label={trans.__('Cancel')}
        about={sweep.name}
        testId="wb-sweep-cancel"
      />
    );
  }
  return sweep.best_run ? (
    <CommandButton
      commands={commands}
      id={CommandIDs.openRun}
      args={{ run: sweep.best_run }}
      label={trans.__('Best run')}
      about={sweep.name}
      testId="wb-sweep-best"
    />
  ) : (
    <span />
  );
}

function figuresOf(room: IRoom, sweep: ISweepCard): string {
  const { trans, locale } = room;
  const { metric, best_value, complete, pruned, failed } = sweep;
  const parts = [
    trans.__('%1 of %2 trials', complete + pruned + failed, sweep.trials),
    best_value !== null &&
      trans.__('best %1 %2', metric, formatFigure(best_value, locale)),
    pruned > 0 && trans._n('%1 pruned', '%1 pruned', pruned),
    sweep.error
  ];
  return parts.filter(Boolean).join(' · ');
}
