import { useState } from 'react';
import type { IRunCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { formatDuration, formatFigure } from '../../parts/figures';
import { useModels } from '../../parts/hooks';
import { LevelBadge } from '../../parts/level';
import { ProblemNote } from '../../parts/problem';
import { StarButton } from '../../parts/star';
import type { IColumn } from '../../parts/table';
import { Table } from '../../parts/table';
import { RelativeTime } from '../../parts/time';
import { runWord } from '../../parts/words';
import { GroupTable } from './groups';
import { QUERY_INVALID, QueryBox } from './query';
import { SelectionBar } from './selection';

/** So many metrics and so many parameters have a column; those that most runs have. */
const MOST_COLUMNS = 6;

/** The runs that are asked for as a wide table: sorted by any column, or in groups. */
export function RunsTable(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { workbench, trans } = room;
  useModels(workbench.runs, workbench.search, workbench.selection);
  const [group, setGroup] = useState('');
  const { runs, search, selection } = workbench;
  const problem =
    runs.problem?.code === QUERY_INVALID ? null : (runs.problem ?? null);
  const items = runs.value ?? [];
  return (
    <div className="wb-Tab-page wb-Tab-wide" aria-busy={runs.isPending}>
      <div className="wb-Tools">
        <QueryBox room={room} />
        <label className="wb-Group">
          <span>{trans.__('Group by')}</span>
          <select
            className="wb-Select"
            data-testid="wb-group"
            value={group}
            onChange={event => setGroup(event.target.value)}
          >
            <option value="">{trans.__('Nothing')}</option>
            {[
              ...['source', 'name', 'state', 'level', 'actor', 'data', 'model'],
              ...search.params.map(name => `params.${name}`)
            ].map(field => (
              <option key={field}>{field}</option>
            ))}
          </select>
        </label>
      </div>
      <SelectionBar room={room} />
      {problem && <ProblemNote problem={problem} />}
      {group ? (
        <GroupTable room={room} field={group} onOpen={() => setGroup('')} />
      ) : (
        <Table
          label={trans.__('Runs')}
          testId="wb-runs-wide"
          items={items}
          keyOf={run => run.id}
          columns={columnsOf(room, items)}
          order={{
            sort: search.order.sort,
            onSort: sort => void workbench.find({ sort })
          }}
          isSelected={run => selection.has(run.id)}
          onEnd={() => void workbench.findMore()}
        />
      )}
    </div>
  );
}

function columnsOf(
  room: IRoom,
  runs: readonly IRunCard[]
): readonly IColumn<IRunCard>[] {
  const { workbench, trans, locale, commands } = room;
  return [
    {
      key: 'choose',
      label: '',
      track: 'max-content',
      render: run => (
        <input
          type="checkbox"
          checked={workbench.selection.has(run.id)}
          aria-label={trans.__('Compare %1', run.name)}
          onChange={() => workbench.selection.toggle(run.id)}
        />
      )
    },
    {
      key: 'star',
      label: trans.__('Star'),
      track: 'max-content',
      render: run => <StarButton room={room} run={run} />
    },
    {
      key: 'name',
      label: trans.__('Name'),
      track: 'minmax(14em, 2fr)',
      sort: 'name',
      render: run => (
        <button
          type="button"
          className="wb-Link"
          title={run.note || run.name}
          onClick={() =>
            void commands.execute(CommandIDs.openRun, { run: run.id })
          }
        >
          {run.name}
        </button>
      )
    },
    {
      key: 'state',
      label: trans.__('State'),
      track: 'max-content',
      sort: 'state',
      render: run => <Badge word={runWord(run.state, trans)} />
    },
    {
      key: 'level',
      label: trans.__('Level'),
      track: 'max-content',
      sort: 'level',
      first: 'largest',
      render: run => <LevelBadge level={run.level} trans={trans} />
    },
    {
      key: 'started',
      label: trans.__('Started'),
      track: 'max-content',
      sort: 'started',
      render: run => <RelativeTime iso={run.started_at} locale={locale} />
    },
    {
      key: 'duration',
      label: trans.__('Duration'),
      track: 'max-content',
      align: 'end',
      sort: 'duration',
      render: run => formatDuration(run.duration_s)
    },
    ...common(runs.map(run => run.metrics)).map((name): IColumn<IRunCard> => ({
      key: `metrics.${name}`,
      label: name,
      track: 'max-content',
      align: 'end',
      sort: fieldOf('metrics', name),
      first: 'largest',
      render: run => formatFigure(run.metrics[name], locale)
    })),
    ...common(runs.map(run => run.params)).map((name): IColumn<IRunCard> => ({
      key: `params.${name}`,
      label: name,
      track: 'max-content',
      sort: fieldOf('params', name),
      render: run => run.params[name] ?? '–'
    }))
  ];
}

/** Return the names that most of the records have. */
function common(
  records: readonly Readonly<Record<string, unknown>>[]
): readonly string[] {
  const counts = new Map<string, number>();
  for (const name of records.flatMap(record => Object.keys(record))) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || a.localeCompare(b))
    .slice(0, MOST_COLUMNS)
    .map(([name]) => name);
}

/** Return a field as queries write it. */
function fieldOf(kind: 'metrics' | 'params', name: string): string {
  return /^[^\s()<>=!~,'"`]+$/.test(name)
    ? `${kind}.${name}`
    : `${kind}.\`${name}\``;
}
