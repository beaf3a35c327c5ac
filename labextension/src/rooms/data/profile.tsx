import type { IColumnProfile } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { formatFigure, formatShare } from '../../parts/figures';
import { Histogram } from '../../parts/histogram';
import { useAnswer } from '../../parts/hooks';
import { LazyPart } from '../../parts/lazy';
import { ProblemNote } from '../../parts/problem';
import { Table } from '../../parts/table';

/** What a table holds, column by column. */
export function ProfilePart(props: {
  room: IRoom;
  source: string;
}): JSX.Element {
  const { trans } = props.room;
  return (
    <LazyPart
      title={trans.__('Profile')}
      label={trans.__('Show profile')}
      testId="wb-data-profile"
    >
      {() => <Profile {...props} />}
    </LazyPart>
  );
}

function Profile(props: { room: IRoom; source: string }): JSX.Element {
  const { room, source } = props;
  const { workbench, trans, locale } = room;
  const answer = useAnswer(workbench, [], source, () =>
    workbench.call('data profile', { source })
  );
  const profile = answer.value;
  if (answer.problem) {
    return <ProblemNote problem={answer.problem} />;
  }
  if (!profile) {
    return <p className="wb-Hint">{trans.__('Reading…')}</p>;
  }
  const figure = (name: string) => (column: IColumnProfile) =>
    name in column.quantiles
      ? formatFigure(column.quantiles[name], locale)
      : '–';
  return (
    <>
      <p className="wb-Hint">
        {[
          trans.__('%1 rows', formatFigure(profile.rows, locale)),
          trans._n(
            '%1 duplicate row',
            '%1 duplicate rows',
            profile.duplicate_rows
          ),
          profile.key.length > 0 && trans.__('Key: %1', profile.key.join(', '))
        ]
          .filter(Boolean)
          .join(' · ')}
      </p>
      <Table
        label={trans.__('Profile')}
        items={profile.columns}
        keyOf={column => column.name}
        columns={[
          {
            key: 'name',
            label: trans.__('Column'),
            track: 'minmax(7em, 1fr)',
            render: column => <span title={column.name}>{column.name}</span>
          },
          {
            key: 'type',
            label: trans.__('Type'),
            track: 'max-content',
            render: column => column.type
          },
          {
            key: 'histogram',
            label: trans.__('Distribution'),
            track: '120px',
            render: column =>
              column.counts.length > 0 ? (
                <Histogram
                  counts={column.counts}
                  label={trans.__(
                    '%1: from %2 to %3',
                    column.name,
                    column.minimum,
                    column.maximum
                  )}
                />
              ) : (
                <span title={topText(column)}>{topText(column)}</span>
              )
          },
          {
            key: 'missing',
            label: trans.__('Missing'),
            track: 'max-content',
            align: 'end',
            render: column => formatShare(column.missing_share, locale)
          },
          {
            key: 'distinct',
            label: trans.__('Distinct'),
            track: 'max-content',
            align: 'end',
            render: column => formatFigure(column.distinct, locale)
          },
          ...(['p05', 'p50', 'p95'] as const).map(name => ({
            key: name,
            label: `${Number(name.slice(1))} %`,
            track: 'max-content',
            align: 'end' as const,
            render: figure(name)
          })),
          {
            key: 'outliers',
            label: trans.__('Outliers'),
            track: 'max-content',
            align: 'end',
            render: column => formatFigure(column.outliers_mad, locale)
          }
        ]}
      />
    </>
  );
}

function topText(column: IColumnProfile): string {
  return column.top.map(item => `${item.value} × ${item.count}`).join(', ');
}
