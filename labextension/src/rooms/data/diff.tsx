import type { IDataDiff, IRowChange } from '../../api/contract';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Facts, Part } from '../../parts/facts';
import { formatBytes, formatFigure, formatShare } from '../../parts/figures';
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
              <Table
                label={trans.__('Columns')}
                items={value.schema}
                keyOf={item => `${item.kind} ${item.column}`}
                columns={[
                  {
                    key: 'kind',
                    label: trans.__('Change'),
                    track: 'max-content',
                    render: item => changeWord(item.kind, trans)
                  },
                  {
                    key: 'column',
                    label: trans.__('Column'),
                    track: 'minmax(8em, 1fr)',
                    render: item => item.column
                  },
                  {
                    key: 'types',
                    label: trans.__('Before and after'),
                    track: 'minmax(8em, 2fr)',
                    render: item =>
                      [item.before, item.after].filter(Boolean).join(' → ')
                  }
                ]}
              />
            </Part>
          )}
          <Shifts room={room} diff={value} />
          {value.examples.length > 0 && (
            <Part title={trans.__('Examples')} testId="wb-data-diff-examples">
              <Table
                label={trans.__('Examples')}
                items={value.examples}
                keyOf={item => `${item.kind} ${JSON.stringify(item)}`}
                columns={[
                  {
                    key: 'kind',
                    label: trans.__('Change'),
                    track: 'max-content',
                    render: item => changeWord(item.kind, trans)
                  },
                  {
                    key: 'key',
                    label: trans.__('Row'),
                    track: 'minmax(6em, 1fr)',
                    render: item => Object.values(item.key).join(', ')
                  },
                  {
                    key: 'values',
                    label: trans.__('Before and after'),
                    track: 'minmax(10em, 3fr)',
                    render: item => (
                      <span title={exampleText(item)}>{exampleText(item)}</span>
                    )
                  }
                ]}
              />
            </Part>
          )}
          {value.files.length > 0 && (
            <Part title={trans.__('Files')} testId="wb-data-diff-files">
              <Table
                label={trans.__('Files')}
                items={value.files}
                keyOf={item => item.path}
                columns={[
                  {
                    key: 'kind',
                    label: trans.__('Change'),
                    track: 'max-content',
                    render: item => changeWord(item.kind, trans)
                  },
                  {
                    key: 'path',
                    label: trans.__('Path'),
                    track: 'minmax(8em, 2fr)',
                    render: item => item.path
                  },
                  {
                    key: 'size',
                    label: trans.__('Size'),
                    track: 'max-content',
                    align: 'end',
                    render: item =>
                      [item.size_before, item.size_after]
                        .map(size =>
                          size === null ? '–' : formatBytes(size, locale)
                        )
                        .join(' → ')
                  }
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
      <Table
        label={trans.__('Distributions')}
        items={items}
        keyOf={item => item.column}
        columns={[
          {
            key: 'column',
            label: trans.__('Column'),
            track: 'minmax(8em, 1fr)',
            render: item => item.column
          },
          {
            key: 'cells',
            label: trans.__('Changed cells'),
            track: 'max-content',
            align: 'end',
            render: item => formatFigure(item.cells_changed, locale)
          },
          {
            key: 'mean',
            label: trans.__('Mean'),
            track: 'max-content',
            align: 'end',
            render: item =>
              item.mean_before === null && item.mean_after === null
                ? '–'
                : `${formatFigure(item.mean_before, locale)} → ${formatFigure(item.mean_after, locale)}`
          },
          {
            key: 'missing',
            label: trans.__('Missing'),
            track: 'max-content',
            align: 'end',
            render: item =>
              `${formatShare(item.missing_before, locale)} → ${formatShare(item.missing_after, locale)}`
          },
          {
            key: 'distance',
            label: trans.__('Distance'),
            track: 'max-content',
            align: 'end',
            render: item => (
              <span title={`PSI ${formatFigure(item.psi, locale)}`}>
                {formatFigure(item.distance, locale)}
              </span>
            )
          }
        ]}
      />
    </Part>
  );
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
