import type { TranslationBundle } from '@jupyterlab/translation';
import type { IFinding, ITargetCard } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { Empty } from '../../parts/empty';
import { formatBytes } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { Rows } from '../../parts/rows';
import { Section } from '../../parts/section';
import { Sweeps } from './sweeps';

/** What teaches the first target. */
const FIRST_TARGET = `%load_ext workbench
%mlops targets`;

/** The targets: where a notebook can run, and what keeps one from being ready. */
export function TargetsView(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { trans } = room;
  return (
    <Section
      lists={[room.workbench.targets]}
      empty={
        <Empty
          room={room}
          testId="wb-targets-empty"
          text={trans.__(
            'A target is a place where notebooks run. Name one in workbench.toml: [targets.local] with kind = "local".'
          )}
          cell={FIRST_TARGET}
        />
      }
      foot={<Sweeps room={room} />}
    >
      {() => (
        <Rows
          items={room.workbench.targets.value ?? []}
          label={trans.__('Targets')}
          estimate={70}
          testId="wb-targets-rows"
          keyOf={target => target.name}
          render={target => <TargetLine room={room} target={target} />}
        />
      )}
    </Section>
  );
}

function TargetLine(props: { room: IRoom; target: ITargetCard }): JSX.Element {
  const { room, target } = props;
  const { trans, locale } = room;
  const word = target.is_ready ? trans.__('Ready') : trans.__('Not ready');
  return (
    <div className="wb-Stack" data-ready={target.is_ready}>
      <div className="wb-Line">
        <Glyph tone={target.is_ready ? 'good' : 'bad'} label={word} />
        <span className="wb-Row-name">
          {target.name}
          {target.kind !== target.name && (
            <span className="wb-Row-version">{target.kind}</span>
          )}
        </span>
        <span className="wb-Row-figure">
          {target.running_jobs > 0
            ? trans._n('%1 job', '%1 jobs', target.running_jobs)
            : trans.__('Idle')}
        </span>
        <Line text={capacity(target, trans, locale)} />
        <Line text={demand(target, trans)} />
      </div>
      <Findings checks={target.checks} />
      <Refusals room={room} target={target} />
    </div>
  );
}

/** One line below the name; what does not fit is in its tooltip. */
function Line(props: { text: string }): JSX.Element {
  return (
    <span className="wb-Row-note wb-Span" title={props.text}>
      {props.text}
    </span>
  );
}

/** What it offers, and how much of that is free now where it can tell. */
function capacity(
  target: ITargetCard,
  trans: TranslationBundle,
  locale: string
): string {
  const { cpus, cpus_free, gpus, gpus_free } = target;
  const parts = [
    cpus_free < 0
      ? trans._n('%1 core', '%1 cores', cpus)
      : trans.__('%1 of %2 cores free', cpus_free, cpus),
    gpus > 0 &&
      (gpus_free < 0
        ? trans._n('%1 GPU', '%1 GPUs', gpus)
        : trans.__('%1 of %2 GPUs free', gpus_free, gpus)),
    target.memory_bytes > 0 &&
      trans.__('%1 memory', formatBytes(target.memory_bytes, locale)),
    target.free_disk_bytes > 0 &&
      trans.__('%1 free', formatBytes(target.free_disk_bytes, locale))
  ];
  return parts.filter(Boolean).join(' · ');
}

/** Who waits for it, what is left of a quota and what an hour costs, each where it is known. */
function demand(target: ITargetCard, trans: TranslationBundle): string {
  const { queued_jobs, quota, price_per_hour } = target;
  const parts = [
    queued_jobs > 0 && trans._n('%1 waiting', '%1 waiting', queued_jobs),
    queued_jobs === 0 && trans.__('Nobody waits'),
    quota && trans.__('Quota: %1', quota),
    price_per_hour === 'unknown'
      ? trans.__('Price unknown')
      : trans.__('%1 an hour', price_per_hour)
  ];
  return parts.filter(Boolean).join(' · ');
}

/** What it cannot do, each with the reason; folded, since it is asked for seldom. */
function Refusals(props: {
  room: IRoom;
  target: ITargetCard;
}): JSX.Element | null {
  const { trans } = props.room;
  const reasons = Object.entries(props.target.refusals);
  return reasons.length === 0 ? null : (
    <details className="wb-Refusals">
      <summary>{trans.__('What it cannot do')}</summary>
      <ul>
        {reasons.map(([capability, reason]) => (
          <li key={capability}>
            <b>{capability}</b> {reason}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** What was looked at: one line each, and what mends it below. */
function Findings(props: { checks: readonly IFinding[] }): JSX.Element {
  return (
    <ul className="wb-Findings">
      {props.checks.map(check => (
        <li key={check.name} data-ok={check.is_ok}>
          <Glyph tone={check.is_ok ? 'good' : 'bad'} />
          <span title={check.message}>
            <b>{check.name}</b> {check.message}
            {check.hint && <span className="wb-Hint">{check.hint}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}
