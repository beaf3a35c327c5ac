import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDifference, IRunCard, IRunComparison } from '../../api/contract';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Part } from '../../parts/facts';
import { formatFigure, shortDigest } from '../../parts/figures';
import { Page } from '../../parts/page';
import type { IColumn } from '../../parts/table';
import { Table } from '../../parts/table';

/** In which runs may differ, in the order in which it is shown. */
export const KINDS = [
  'metric',
  'param',
  'input',
  'code',
  'environment',
  'package',
  'machine',
  'seed'
] as const;

/** Runs side by side: only what differs. */
export function CompareView(props: {
  room: IRoom;
  comparison: Resource<IRunComparison>;
}): JSX.Element {
  const { room, comparison } = props;
  const { trans } = room;
  return (
    <Page resource={comparison}>
      {value => (
        <>
          <header className="wb-Tab-header">
            <h1>
              {trans._n(
                'Comparison of %1 run',
                'Comparison of %1 runs',
                value.runs.length
              )}
            </h1>
          </header>
          {value.differences.length === 0 && (
            <p data-testid="wb-compare-same">
              {trans.__('These runs do not differ.')}
            </p>
          )}
          {KINDS.map(kind => (
            <Differences
              key={kind}
              room={room}
              kind={kind}
              runs={value.runs}
              differences={value.differences}
            />
          ))}
        </>
      )}
    </Page>
  );
}

/** Differences of one kind, a column for each run. */
export function Differences(props: {
  room: IRoom;
  runs: readonly IRunCard[];
  differences: readonly IDifference[];
  kind: (typeof KINDS)[number];
}): JSX.Element | null {
  const { room, runs, kind } = props;
  const items = props.differences.filter(item => item.kind === kind);
  if (items.length === 0) {
    return null;
  }
  const title = kindTitle(kind, room.trans);
  const columns: readonly IColumn<IDifference>[] = [
    {
      key: 'name',
      label: room.trans.__('Name'),
      track: 'minmax(8em, 1.2fr)',
      render: item => item.name
    },
    ...runs.map((run, index) => ({
      key: run.id,
      // Runs of one notebook have one name; the id's beginning tells them apart.
      label: `${run.name} · ${run.id.slice(0, 6)}`,
      track: 'minmax(6em, 1fr)',
      align: kind === 'metric' ? ('end' as const) : ('start' as const),
      render: (item: IDifference) => (
        <Value room={room} item={item} index={index} />
      )
    }))
  ];
  return (
    <Part title={title} testId={`wb-compare-${kind}`}>
      <Table
        label={title}
        items={items}
        keyOf={item => item.name}
        columns={columns}
      />
    </Part>
  );
}

function Value(props: {
  room: IRoom;
  item: IDifference;
  index: number;
}): JSX.Element {
  const { item, index, room } = props;
  const text = item.values[index] ?? '';
  if (item.kind === 'metric') {
    const value = text === '' ? null : Number(text);
    return (
      <span title={text}>
        {value !== null && Number.isFinite(value)
          ? formatFigure(value, room.locale)
          : text || '–'}
      </span>
    );
  }
  const isDigest = /^(sha256:|md5:)?[0-9a-f]{32,}/i.test(text);
  return (
    <span title={text} className={isDigest ? 'wb-Mono' : undefined}>
      {isDigest ? shortDigest(text) : text || '–'}
    </span>
  );
}

function kindTitle(
  kind: (typeof KINDS)[number],
  trans: TranslationBundle
): string {
  const titles = {
    metric: trans.__('Metrics'),
    param: trans.__('Parameters'),
    input: trans.__('Inputs'),
    code: trans.__('Code'),
    environment: trans.__('Environment'),
    package: trans.__('Packages'),
    machine: trans.__('Machine'),
    seed: trans.__('Seeds')
  };
  return titles[kind];
}
