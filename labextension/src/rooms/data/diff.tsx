import type {
  IColumnShift,
  IDataDiff,
  IFileChange,
  IRowChange,
  ISchemaChange
} from '../../api/contract';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { figureColumn, textColumn, tightColumn } from '../../parts/columns';
import { Facts, Part } from '../../parts/facts';
import {
  NO_FIGURE,
  formatBytes,
  formatFigure,
  formatShare
} from '../../parts/figures';
import { Page } from '../../parts/page';
import { Table } from '../../parts/table';
import { changeWord } from './words';

/** Where two versions differ: columns, rows, distributions; or files, where it is no table. */
export function DataDiffView(props: {
  room: IRoom;
  diff: Resource<IDataDiff>;
}): JSX.Element {
  const { room, diff } = props;
  const { trans, locale } = room;
  const figure = (count: number): string => formatFigure(count, locale);
  const change = tightColumn<{ readonly kind: string }>(
    'kind',
    trans.__('Change'),
    item => changeWord(item.kind, trans)
  );
  return (
    <Page resource={diff}>
      {value => (
        <>
          <header className="wb-Tab-header">
            <h1>{trans.__('From %1 to %2', value.before, value.after)}</h1>
          </header>
          {value.is_equal && <p>{trans.__('These versions are the same.')}</p>}
          {value.kind === 'table' && (
            <Part title={trans.__('Rows')} testId="wb-data-diff-rows">
              <Facts
                items={[
                  [
                    trans.__('Rows'),
                    `${figure(value.rows_before)} → ${figure(value.rows_after)}`
                  ],
                  [trans.__('Added'), figure(value.rows_added)],
                  [trans.__('Removed'), figure(value.rows_removed)],
                  [trans.__('Changed'), figure(value.rows_changed)],
                  [trans.__('Matched by'), value.key.join(', ')],
                  [
                    trans.__('Order'),
                    value.is_reordered ? trans.__('Another') : ''
                  ]
                ]}
              />
            </Part>
          )}
          {value.schema.length > 0 && (
            <Part title={trans.__('Columns')} testId="wb-data-diff-schema">
              <Table<ISchemaChange>
                label={trans.__('Columns')}
                items={value.schema}
                keyOf={item => `${item.kind} ${item.column}`}
                columns={[
                  change,
                  textColumn('column', trans.__('Column'), item => item.column),
                  textColumn(
                    'types',
                    trans.__('Before and after'),
                    item => arrow(item.before, item.after),
                    'minmax(8em, 2fr)'
                  )
                ]}
              />
            </Part>
          )}
          <Shifts room={room} diff={value} />
          {value.examples.length > 0 && (
            <Part title={trans.__('Examples')} testId="wb-data-diff-examples">
              <Table<IRowChange>
                label={trans.__('Examples')}
                items={value.examples}
                keyOf={item => `${item.kind} ${JSON.stringify(item)}`}
                columns={[
                  change,
                  textColumn(
                    'key',
                    trans.__('Row'),
                    item => Object.values(item.key).join(', '),
                    'minmax(6em, 1fr)'
                  ),
                  textColumn(
                    'values',
                    trans.__('Before and after'),
                    item => (
                      <span title={exampleText(item)}>{exampleText(item)}</span>
                    ),
                    'minmax(10em, 3fr)'
                  )
                ]}
              />
            </Part>
          )}
          {value.files.length > 0 && (
            <Part title={trans.__('Files')} testId="wb-data-diff-files">
              <Table<IFileChange>
                label={trans.__('Files')}
                items={value.files}
                keyOf={item => item.path}
                columns={[
                  change,
                  textColumn(
                    'path',
                    trans.__('Path'),
                    item => item.path,
                    'minmax(8em, 2fr)'
                  ),
                  figureColumn('size', trans.__('Size'), item =>
                    [item.size_before, item.size_after]
                      .map(size =>
                        size === null ? NO_FIGURE : formatBytes(size, locale)
                      )
                      .join(' → ')
                  )
                ]}
              />
            </Part>
          )}
        </>
      )}
    </Page>
  );
}

/** How values moved, the farthest first. */
function Shifts(props: { room: IRoom; diff: IDataDiff }): JSX.Element | null {
  const { trans, locale } = props.room;
  const items = [...props.diff.shifts].sort(
    (a, b) => (b.distance ?? 0) - (a.distance ?? 0)
  );
  if (items.length === 0) {
    return null;
  }
  return (
    <Part title={trans.__('Distributions')} testId="wb-data-diff-shifts">
      <Table<IColumnShift>
        label={trans.__('Distributions')}
        items={items}
        keyOf={item => item.column}
        columns={[
          textColumn('column', trans.__('Column'), item => item.column),
          figureColumn('cells', trans.__('Changed cells'), item =>
            formatFigure(item.cells_changed, locale)
          ),
          figureColumn('mean', trans.__('Mean'), item =>
            item.mean_before === null && item.mean_after === null
              ? NO_FIGURE
              : `${formatFigure(item.mean_before, locale)} → ${formatFigure(item.mean_after, locale)}`
          ),
          figureColumn(
            'missing',
            trans.__('Missing'),
            item =>
              `${formatShare(item.missing_before, locale)} → ${formatShare(item.missing_after, locale)}`
          ),
          figureColumn('distance', trans.__('Distance'), item => (
            <span title={`PSI ${formatFigure(item.psi, locale)}`}>
              {formatFigure(item.distance, locale)}
            </span>
          ))
        ]}
      />
    </Part>
  );
}

/** What something was and what it is; only one of them where it came or went. */
function arrow(before: string, after: string): string {
  return [before, after].filter(Boolean).join(' → ');
}

function exampleText(item: IRowChange): string {
  const names = [
    ...new Set([...Object.keys(item.before), ...Object.keys(item.after)])
  ];
  return names
    .map(
      name =>
        `${name}: ${[item.before[name], item.after[name]].filter(text => text !== undefined).join(' → ')}`
    )
    .join(', ');
}
