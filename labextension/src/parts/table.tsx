import { useVirtualizer } from '@tanstack/react-virtual';
import type { ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import { PLAIN_ROWS } from './rows';

/** One column. */
export interface IColumn<T> {
  readonly key: string;
  /** Its heading. */
  readonly label: string;
  /** A CSS grid track: `1fr`, `auto`, `minmax(8em, 2fr)`. */
  readonly track: string;
  /** `end` for numbers. */
  readonly align?: 'start' | 'end';
  /** Field that a click on the heading sorts by. */
  readonly sort?: string;
  /** What a first click on the heading puts on top; by default the smallest. */
  readonly first?: 'largest';
  render(item: T): ReactNode;
}

/** The order of a table, where a click on a heading changes it. */
export interface ITableOrder {
  /** The field, with `-` before it the largest first; empty where nobody chose. */
  readonly sort: string;
  onSort(sort: string): void;
}

/** Height of a row in pixels, for those that are not seen yet. */
const ROW_PX = 28;

/** A table for a main-area tab; beyond fifty rows only those that are seen exist. */
export function Table<T>(props: {
  columns: readonly IColumn<T>[];
  items: readonly T[];
  keyOf(item: T): string;
  label: string;
  testId?: string;
  order?: ITableOrder;
  isSelected?(item: T): boolean;
  /** The last row came into sight. */
  onEnd?(): void;
}): JSX.Element {
  const { columns, items, keyOf, order, onEnd } = props;
  const box = useRef<HTMLDivElement>(null);
  const isVirtual = items.length > PLAIN_ROWS;
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing here is memoised by a compiler
  const virtualizer = useVirtualizer({
    count: items.length,
    enabled: isVirtual,
    estimateSize: () => ROW_PX,
    getScrollElement: () => box.current,
    initialRect: { width: 800, height: 600 },
    overscan: 10
  });
  const seen = isVirtual
    ? virtualizer.getVirtualItems()
    : items.map((_, index) => ({ index, start: 0 }));
  const before = isVirtual ? (seen[0]?.start ?? 0) : 0;
  const isAtEnd = isVirtual && seen.at(-1)?.index === items.length - 1;
  useEffect(() => {
    if (isAtEnd) {
      onEnd?.();
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each end that is reached
  }, [isAtEnd, items.length]);
  return (
    <div
      ref={box}
      className="wb-Table"
      role="table"
      aria-label={props.label}
      aria-rowcount={items.length + 1}
      data-testid={props.testId}
      data-virtual={isVirtual}
      style={{
        gridTemplateColumns: columns.map(column => column.track).join(' ')
      }}
    >
      <div role="row" className="wb-Table-row wb-Table-head" aria-rowindex={1}>
        {columns.map(column => (
          <div
            key={column.key}
            role="columnheader"
            data-align={column.align ?? 'start'}
            aria-sort={order && sortedness(column, order)}
          >
            {order && column.sort ? (
              <button
                type="button"
                className="wb-Sort"
                data-testid={`wb-sort-${column.sort}`}
                onClick={() => order.onSort(nextSort(column, order))}
              >
                {column.label}
              </button>
            ) : (
              column.label
            )}
          </div>
        ))}
      </div>
      {before > 0 && (
        <div className="wb-Table-gap" style={{ height: before }} />
      )}
      {seen.map(({ index }) => {
        const item = items[index]!;
        return (
          <div
            key={keyOf(item)}
            role="row"
            className="wb-Table-row"
            aria-rowindex={index + 2}
            data-key={keyOf(item)}
            data-selected={props.isSelected?.(item)}
          >
            {columns.map(column => (
              <div
                key={column.key}
                role="cell"
                data-align={column.align ?? 'start'}
              >
                {column.render(item)}
              </div>
            ))}
          </div>
        );
      })}
      {isVirtual && (
        <div
          className="wb-Table-gap"
          style={{
            height: Math.max(
              virtualizer.getTotalSize() - before - seen.length * ROW_PX,
              0
            )
          }}
        />
      )}
    </div>
  );
}

/** Say how a column is sorted, in ARIA's words. */
function sortedness<T>(
  column: IColumn<T>,
  order: ITableOrder
): 'ascending' | 'descending' | undefined {
  if (!column.sort) {
    return undefined;
  }
  if (order.sort === `-${column.sort}`) {
    return 'descending';
  }
  return order.sort === column.sort ? 'ascending' : undefined;
}

/** One way, the other way, and as it was. */
function nextSort<T>(column: IColumn<T>, order: ITableOrder): string {
  const field = column.sort ?? '';
  const ways = [field, `-${field}`];
  if (column.first === 'largest') {
    ways.reverse();
  }
  const place = ways.indexOf(order.sort);
  return place < 0 ? ways[0]! : (ways[place + 1] ?? '');
}
