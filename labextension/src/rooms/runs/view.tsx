import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Empty } from '../../parts/empty';
import { formatDuration, formatFigure } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { useModels, useNow } from '../../parts/hooks';
import { LevelBadge } from '../../parts/level';
import { Progress } from '../../parts/progress';
import { Rows } from '../../parts/rows';
import { Section } from '../../parts/section';
import { StarButton } from '../../parts/star';
import { RelativeTime } from '../../parts/time';
import { standingText } from '../targets/pace';
import { QUERY_INVALID, QueryBox } from './query';
import type { IRunRow } from './rows';
import { isLive, keyMetric, rowProgress, rowWord, runRows } from './rows';
import { SelectionBar } from './selection';

/** What teaches the first run. */
const FIRST_RUN = `%load_ext workbench
%mlops run notebooks/prepare_shuttle.ipynb`;

/** The runs, the newest first, and what is chosen for comparison. */
export function RunsView(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { workbench, trans } = room;
  const { selection } = workbench;
  useModels(workbench.jobs, workbench.runs, workbench.search, selection);
  const { query, sort } = workbench.search.order;
  const isAsked = query !== '' || sort !== '';
  const runs = workbench.runs.value ?? [];
  const rows = runRows(runs, workbench.jobs.value ?? [], isAsked);
  return (
    <Section
      lists={[workbench.runs, workbench.jobs]}
      headProblem={QUERY_INVALID}
      head={(isAsked || runs.length > 0) && <Tools room={room} />}
      empty={
        isAsked ? (
          <NoMatch room={room} />
        ) : (
          <Empty
            room={room}
            testId="wb-runs-empty"
            text={trans.__(
              'A run records what a notebook did: its code, data, parameters and metrics.'
            )}
            cell={FIRST_RUN}
          />
        )
      }
    >
      {() => (
        <>
          <SelectionBar room={room} />
          {isAsked && rows.length === 0 ? (
            <NoMatch room={room} />
          ) : (
            <Rows
              items={rows}
              label={trans.__('Runs')}
              estimate={47}
              testId="wb-runs-rows"
              keyOf={row => row.key}
              onOpen={row => void open(room, row)}
              onToggle={row => row.run && selection.toggle(row.key)}
              isSelected={row => selection.has(row.key)}
              onEnd={() => void workbench.findMore()}
              render={(row, tabIndex) => (
                <RunLine room={room} row={row} tabIndex={tabIndex} />
              )}
            />
          )}
        </>
      )}
    </Section>
  );
}

function NoMatch(props: { room: IRoom }): JSX.Element {
  return (
    <p className="wb-Nothing" data-testid="wb-runs-none">
      {props.room.trans.__('No run matches this query.')}
    </p>
  );
}

/** What stands above the list: the query, and the way to the wide table. */
function Tools(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  return (
    <div className="wb-Tools">
      <QueryBox room={room} />
      <CommandButton
        commands={room.commands}
        id={CommandIDs.openRuns}
        label={room.trans.__('Table')}
        testId="wb-runs-table"
      />
    </div>
  );
}

function RunLine(props: {
  room: IRoom;
  row: IRunRow;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, row, tabIndex } = props;
  const { workbench, commands, trans, locale } = room;
  const word = rowWord(row, trans);
  const isBusy = isLive(row) || row.run?.state === 'RUNNING';
  return (
    <div className="wb-Run" data-state={row.run?.state ?? row.job?.state}>
      <span className="wb-Run-mark">
        <Glyph tone={word.tone} label={word.label} />
        {row.run && (
          <input
            type="checkbox"
            tabIndex={-1}
            checked={workbench.selection.has(row.key)}
            aria-label={trans.__('Compare %1', row.name)}
            onClick={event => event.stopPropagation()}
            onChange={() => workbench.selection.toggle(row.key)}
          />
        )}
      </span>
      <span className="wb-Row-name" title={row.name}>
        {row.name}
      </span>
      <span className="wb-Row-side">
        {row.run && (
          <>
            <LevelBadge level={row.run.level} trans={trans} />
            <StarButton room={room} run={row.run} tabIndex={tabIndex} />
          </>
        )}
        <RelativeTime iso={row.at} locale={locale} />
      </span>
      <span className="wb-Row-note">
        <RunNote room={room} row={row} label={word.label} />
      </span>
      {isLive(row) && row.job ? (
        <CommandButton
          commands={commands}
          id={CommandIDs.cancelJob}
          args={{ job: row.job.id }}
          label={trans.__('Cancel')}
          about={row.name}
          testId="wb-run-cancel"
          tabIndex={tabIndex}
        />
      ) : (
        <span className="wb-Row-figure">
          {formatDuration(row.run?.duration_s ?? null)}
        </span>
      )}
      <Progress
        value={rowProgress(row)}
        isShown={isBusy}
        label={trans.__('Progress of %1', row.name)}
      />
    </div>
  );
}

/** The second line: where a job stands while it runs, why it ended badly, else the metric that tells most. */
function RunNote(props: {
  room: IRoom;
  row: IRunRow;
  label: string;
}): JSX.Element {
  const { run, job } = props.row;
  const { trans, locale } = props.room;
  const now = useNow();
  if (isLive(props.row) && job) {
    const standing = standingText(job, now, trans, locale);
    return <span title={standing}>{standing}</span>;
  }
  const reason = job?.error || job?.reason;
  if (reason && run?.state !== 'FINISHED') {
    return (
      <span title={reason}>
        {props.label} · {reason}
      </span>
    );
  }
  const metric = run && keyMetric(run);
  return metric ? (
    <>
      {metric[0]} <b>{formatFigure(metric[1], locale)}</b>
    </>
  ) : (
    <>{props.label}</>
  );
}

/** Open the job while it goes on, or where it never came to a run; else the run. */
async function open(room: IRoom, row: IRunRow): Promise<void> {
  const run = row.run?.id ?? row.job?.run;
  if (row.job && (isLive(row) || !run)) {
    await room.commands.execute(CommandIDs.openJob, { job: row.job.id });
  } else if (run) {
    await room.commands.execute(CommandIDs.openRun, { run });
  }
}
