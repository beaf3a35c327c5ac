import type { INotebookCell, IReviewCard } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { LazyPart } from '../../parts/lazy';
import { Remarkable } from './said';

/** The cells that made the candidate, as they ran; each can be commented on. */
export function Cells(props: {
  room: IRoom;
  review: IReviewCard;
  cells: readonly INotebookCell[];
}): JSX.Element | null {
  const { room, review, cells } = props;
  const { trans } = room;
  if (cells.length === 0) {
    return null;
  }
  return (
    <LazyPart
      title={trans.__('Cells of the notebook')}
      label={trans._n('Show %1 cell', 'Show %1 cells', cells.length)}
      testId="wb-review-cells"
    >
      {() => (
        <ol className="wb-Cells">
          {cells.map((cell, index) => (
            <li key={cell.id}>
              <Remarkable room={room} review={review} on={`cell:${cell.id}`}>
                {trans.__('Cell %1', index + 1)}
              </Remarkable>
              {/* A long line scrolls, and what scrolls has to be reachable with the keyboard. */}
              {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
              <pre className="wb-Patch" tabIndex={0}>
                {cell.source}
              </pre>
            </li>
          ))}
        </ol>
      )}
    </LazyPart>
  );
}
