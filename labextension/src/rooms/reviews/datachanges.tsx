import type { IDataDiff } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { Facts, Part } from '../../parts/facts';
import { formatFigure } from '../../parts/figures';
import { changeWord } from '../data/words';

/** How the data that both were trained on differs: rows, columns and how far values moved. */
export function DataChanges(props: {
  room: IRoom;
  data: readonly IDataDiff[];
}): JSX.Element | null {
  const { room, data } = props;
  const { trans, locale } = room;
  if (data.length === 0) {
    return null;
  }
  const figure = (value: number): string => formatFigure(value, locale);
  return (
    <Part title={trans.__('Data')} testId="wb-review-data">
      {data.map(diff => (
        <div key={diff.after}>
          <p className="wb-Row-note">
            {trans.__('From %1 to %2', diff.before, diff.after)}
          </p>
          <Facts
            items={[
              [
                trans.__('Rows'),
                diff.kind === 'table'
                  ? `${figure(diff.rows_before)} → ${figure(diff.rows_after)}`
                  : ''
              ],
              [trans.__('Added'), changed(diff.rows_added, figure)],
              [trans.__('Removed'), changed(diff.rows_removed, figure)],
              [trans.__('Changed'), changed(diff.rows_changed, figure)],
              [
                trans.__('Columns'),
                diff.schema
                  .map(
                    ({ kind, column }) =>
                      `${column} (${changeWord(kind, trans)})`
                  )
                  .join(', ')
              ],
              [
                trans.__('Values that moved'),
                diff.shifts.map(({ column }) => column).join(', ')
              ],
              [
                trans.__('Files'),
                diff.files
                  .map(
                    ({ kind, path }) => `${path} (${changeWord(kind, trans)})`
                  )
                  .join(', ')
              ]
            ]}
          />
        </div>
      ))}
    </Part>
  );
}

function changed(rows: number, figure: (value: number) => string): string {
  return rows > 0 ? figure(rows) : '';
}
