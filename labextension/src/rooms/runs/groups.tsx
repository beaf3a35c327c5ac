import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { formatFigure } from '../../parts/figures';
import { useAnswer } from '../../parts/hooks';
import { ProblemNote } from '../../parts/problem';
import { Table } from '../../parts/table';

/** The runs that are asked for, in groups that have a value in common; a group opens as a query. */
export function GroupTable(props: {
  room: IRoom;
  field: string;
  /** A group was opened. */
  onOpen(): void;
}): JSX.Element {
  const { room, field } = props;
  const { workbench, trans, locale } = room;
  const { query, sort } = workbench.search.order;
  // Groups are judged by a metric or by their size.
  const judged = sort.includes('metrics.') ? sort : '';
  const answer = useAnswer(
    workbench,
    ['run'],
    [field, query, judged].join('\n'),
    () => workbench.call('runs group', { field, query, sort: judged })
  );
  const open = (value: string): void => {
    const wanted = `${field} = "${value.replaceAll('"', '""')}"`;
    props.onOpen();
    void workbench.find({
      query: query ? `(${query}) AND ${wanted}` : wanted
    });
  };
  return (
    <>
      {answer.problem && <ProblemNote problem={answer.problem} />}
      <Table
        label={trans.__('Groups')}
        testId="wb-groups"
        items={answer.value ?? []}
        keyOf={item => item.value}
        columns={[
          {
            key: 'value',
            label: field,
            track: 'minmax(8em, 2fr)',
            render: item =>
              item.value === '' ? (
                trans.__('None')
              ) : (
                <button
                  type="button"
                  className="wb-Link"
                  onClick={() => open(item.value)}
                >
                  {item.value}
                </button>
              )
          },
          {
            key: 'runs',
            label: trans.__('Runs'),
            track: 'max-content',
            align: 'end',
            render: item => formatFigure(item.runs, locale)
          },
          {
            key: 'best',
            label: trans.__('Best'),
            track: 'max-content',
            align: 'end',
            render: item =>
              item.best_run ? (
                <button
                  type="button"
                  className="wb-Link"
                  onClick={() =>
                    void room.commands.execute(CommandIDs.openRun, {
                      run: item.best_run
                    })
                  }
                >
                  {formatFigure(item.best, locale)}
                </button>
              ) : (
                '–'
              )
          },
          {
            key: 'mean',
            label: trans.__('Mean'),
            track: 'max-content',
            align: 'end',
            render: item => formatFigure(item.mean, locale)
          }
        ]}
      />
    </>
  );
}
