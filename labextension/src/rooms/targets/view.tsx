import type { IFinding, ITargetCard } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { Empty } from '../../parts/empty';
import { formatBytes } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { Rows } from '../../parts/rows';
import { Section } from '../../parts/section';

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
          <span className="wb-Row-version">{target.kind}</span>
        </span>
        <span className="wb-Row-figure">
          {target.running_jobs > 0
            ? trans._n('%1 job', '%1 jobs', target.running_jobs)
            : trans.__('Idle')}
        </span>
        <span className="wb-Row-note wb-Span" title={target.price_per_hour}>
          {[
            trans._n('%1 core', '%1 cores', target.cpus),
            trans.__('%1 memory', formatBytes(target.memory_bytes, locale)),
            trans.__('%1 free', formatBytes(target.free_disk_bytes, locale))
          ].join(' · ')}
        </span>
      </div>
      <Findings checks={target.checks} />
    </div>
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
