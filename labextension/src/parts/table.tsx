import { useVirtualizer } from '@tanstack/react-virtual';
import type { ReactNode } from 'react';
import { useRef } from 'react';
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
  render(item: T): ReactNode;
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
}): JSX.Element {
  const { columns, items, keyOf } = props;
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
          >
            {column.label}
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
