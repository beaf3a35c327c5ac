import type { IReleaseCard, IRunnerCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Digest } from '../../parts/copy';
import { Empty } from '../../parts/empty';
import { NO_FIGURE, formatFigure } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { useModels } from '../../parts/hooks';
import { Rows } from '../../parts/rows';
import { Section } from '../../parts/section';
import { RelativeTime } from '../../parts/time';
import { assuranceText, namesText, releaseWord } from '../../parts/words';
import { Faults } from './faults';
import type { IChannelRow } from './rows';
import { channelRows } from './rows';

/** What teaches the first release. */
const FIRST_RELEASE = `%load_ext workbench
%mlops release REVIEW`;

/** The field's own words for latency; they are not translated. */
const MEDIAN = 'p50';
const SLOWEST = 'p99';

/** How many earlier releases of a channel stand in the panel. */
const SHOWN = 4;

/** The channels: which approved bytes answer, and how fast. */
export function ReleasesView(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { workbench, trans } = room;
  useModels(workbench.releases, workbench.runners);
  const rows = channelRows(
    workbench.releases.value ?? [],
    workbench.runners.value ?? []
  );
  return (
    <Section
      lists={[workbench.releases, workbench.runners]}
      empty={
        <Empty
          room={room}
          testId="wb-releases-empty"
          text={trans.__(
            'A release puts an approved model on a channel; the runner that follows it swaps without a gap.'
          )}
          cell={FIRST_RELEASE}
        />
      }
    >
      {() => (
        <Rows
          items={rows}
          label={trans.__('Channels')}
          estimate={130}
          testId="wb-releases-rows"
          keyOf={row => row.channel}
          render={(row, tabIndex) => (
            <ChannelLine room={room} row={row} tabIndex={tabIndex} />
          )}
        />
      )}
    </Section>
  );
}

function ChannelLine(props: {
  room: IRoom;
  row: IChannelRow;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, row, tabIndex } = props;
  const { trans, commands } = room;
  const isRunning = row.runner?.is_running ?? false;
  const current = row.releases.find(({ state }) => state === 'CURRENT');
  const isRed = current !== undefined && current.faults.length > 0;
  const shared = {
    commands,
    args: { channel: row.channel },
    about: row.channel,
    tabIndex
  };
  return (
    <div className="wb-Stack" data-running={isRunning} data-red={isRed}>
      <div className="wb-Line">
        <Glyph tone={isRed ? 'bad' : isRunning ? 'good' : 'idle'} />
        <span className="wb-Row-name" title={row.channel}>
          {row.channel}
        </span>
        <span className="wb-Row-figure">
          {isRunning ? trans.__('Serving') : trans.__('Not serving')}
        </span>
      </div>
      {row.runner && isRunning && (
        <RunnerFigures room={room} runner={row.runner} />
      )}
      {row.runner?.refusal && (
        <p className="wb-Warning" role="status">
          {row.runner.refusal}
        </p>
      )}
      {current && <Faults room={room} release={current} tabIndex={tabIndex} />}
      <ul className="wb-Releases">
        {row.releases.slice(0, SHOWN).map(release => (
          <ReleaseLine
            key={release.id}
            room={room}
            release={release}
            tabIndex={tabIndex}
          />
        ))}
      </ul>
      <div className="wb-Actions">
        {isRunning ? (
          <CommandButton
            {...shared}
            id={CommandIDs.stopRunner}
            label={trans.__('Stop')}
            testId="wb-runner-stop"
          />
        ) : (
          <CommandButton
            {...shared}
            id={CommandIDs.startRunner}
            label={trans.__('Start')}
            testId="wb-runner-start"
          />
        )}
        {row.releases.length > 1 && (
          <CommandButton
            {...shared}
            id={CommandIDs.rollBack}
            label={trans.__('Roll back…')}
            kind="warn"
            testId="wb-release-rollback"
          />
        )}
        <CommandButton
          {...shared}
          id={CommandIDs.openHistory}
          args={{ model: row.channel }}
          label={trans.__('History')}
          testId="wb-release-history"
        />
      </div>
    </div>
  );
}

function RunnerFigures(props: {
  room: IRoom;
  runner: IRunnerCard;
}): JSX.Element {
  const { room, runner } = props;
  const { trans, locale } = room;
  const milliseconds = (value: number | null): string =>
    value === null || runner.requests === 0
      ? NO_FIGURE
      : `${formatFigure(value, locale)} ms`;
  return (
    <dl className="wb-Figures">
      <div>
        <dt>{MEDIAN}</dt>
        <dd>{milliseconds(runner.p50_ms)}</dd>
      </div>
      <div>
        <dt>{SLOWEST}</dt>
        <dd>{milliseconds(runner.p99_ms)}</dd>
      </div>
      <div>
        <dt>{trans.__('Requests')}</dt>
        <dd>{formatFigure(runner.requests, locale)}</dd>
      </div>
      <div data-bad={runner.failures > 0}>
        <dt>{trans.__('Failures')}</dt>
        <dd>{formatFigure(runner.failures, locale)}</dd>
      </div>
    </dl>
  );
}

function ReleaseLine(props: {
  room: IRoom;
  release: IReleaseCard;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, release, tabIndex } = props;
  const { trans, locale } = room;
  const word = releaseWord(release.state, trans);
  return (
    <li data-state={release.state}>
      <Glyph tone={word.tone} label={word.label} />
      <span className="wb-Release-version">{`v${release.version}`}</span>
      <Digest digest={release.model_digest} room={room} tabIndex={tabIndex} />
      <RelativeTime iso={release.released_at} locale={locale} />
      <span
        className="wb-Row-note wb-Span"
        title={assuranceText(release.assurance, trans)}
      >
        {trans.__('Approved by %1', release.approvers.join(', ') || NO_FIGURE)}
        {' · '}
        {assuranceText(release.assurance, trans)}
        {release.names && ` · ${namesText(release.names, trans)}`}
      </span>
    </li>
  );
}
