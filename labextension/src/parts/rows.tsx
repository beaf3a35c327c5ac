import { useVirtualizer } from '@tanstack/react-virtual';
import type { KeyboardEvent, ReactNode } from 'react';
import { useEffect, useRef, useState } from 'react';

/** Up to here rows are plain; 10,000 plain rows take 20 s to mount, virtual ones 0.2 s. */
export const PLAIN_ROWS = 50;

/** What a list of rows is told. */
export interface IRowsProps<T> {
  readonly items: readonly T[];
  /** What the list is, for those who hear it. */
  readonly label: string;
  /** Height of a usual row in pixels; virtual rows are measured when they are seen. */
  readonly estimate: number;
  readonly testId: string;
  keyOf(item: T): string;
  /** Return a row's content; buttons in it take `tabIndex`, so that only the current row's are in the tab order. */
  render(item: T, tabIndex: 0 | -1): ReactNode;
  /** What Enter and a click do. */
  onOpen?(item: T): void;
  /** What Space and a click with Ctrl do. */
  onToggle?(item: T): void;
  isSelected?(item: T): boolean;
  /** The last row came into sight. */
  onEnd?(): void;
}

/**
 * A list with one stop in the tab order: arrows, Home and End move in it, Enter opens, Space selects.
 *
 * It is a grid of one column to assistive technology, because rows carry buttons of their own.
 */
export function Rows<T>(props: IRowsProps<T>): JSX.Element {
  const { items, keyOf } = props;
  const box = useRef<HTMLDivElement>(null);
  const [currentKey, setCurrentKey] = useState('');
  const current = Math.max(
    items.findIndex(item => keyOf(item) === currentKey),
    0
  );
  const isVirtual = items.length > PLAIN_ROWS;
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing here is memoised by a compiler
  const virtualizer = useVirtualizer({
    count: items.length,
    enabled: isVirtual,
    estimateSize: () => props.estimate,
    getItemKey: index => keyOf(items[index]!),
    getScrollElement: () => box.current,
    initialRect: { width: 300, height: 600 },
    overscan: 8
  });

  const last = isVirtual ? virtualizer.getVirtualItems().at(-1)?.index : -1;
  const isAtEnd = last === items.length - 1;
  useEffect(() => {
    if (isAtEnd) {
      props.onEnd?.();
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each end that is reached
  }, [isAtEnd, items.length]);

  const focus = (index: number): void => {
    const item = items[Math.min(Math.max(index, 0), items.length - 1)];
    if (!item) {
      return;
    }
    setCurrentKey(keyOf(item));
    if (isVirtual) {
      virtualizer.scrollToIndex(items.indexOf(item));
    }
    // The row may only come into being with the scroll.
    window.requestAnimationFrame(() =>
      box.current
        ?.querySelector<HTMLElement>(`[data-key="${CSS.escape(keyOf(item))}"]`)
        ?.focus()
    );
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const isOnRow =
      event.target instanceof HTMLElement && event.target.role === 'row';
    const moves: Record<string, number> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      Home: 0,
      End: items.length - 1
    };
    const item = items[current];
    if (event.key in moves) {
      focus(moves[event.key]!);
    } else if (event.key === 'Enter' && isOnRow && item) {
      props.onOpen?.(item);
    } else if (event.key === ' ' && isOnRow && item && props.onToggle) {
      props.onToggle(item);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const row = (item: T, index: number, start?: number): JSX.Element => (
    <Row
      key={keyOf(item)}
      {...props}
      item={item}
      index={index}
      isCurrent={index === current}
      isVirtual={start !== undefined}
      start={start ?? 0}
      measure={virtualizer.measureElement}
      onCurrent={() => setCurrentKey(keyOf(item))}
    />
  );

  return (
    // The rows take the focus; the grid only hears their keys.
    // eslint-disable-next-line jsx-a11y/interactive-supports-focus
    <div
      ref={box}
      className="wb-Rows"
      role="grid"
      aria-label={props.label}
      aria-rowcount={items.length}
      aria-multiselectable={props.onToggle ? true : undefined}
      data-testid={props.testId}
      onKeyDown={onKeyDown}
    >
      {isVirtual ? (
        <div
          className="wb-Rows-sizer"
          role="rowgroup"
          style={{ height: virtualizer.getTotalSize() }}
        >
          {virtualizer
            .getVirtualItems()
            .map(({ index, start }) => row(items[index]!, index, start))}
        </div>
      ) : (
        items.map((item, index) => row(item, index))
      )}
    </div>
  );
}

interface IRowProps<T> extends IRowsProps<T> {
  readonly item: T;
  readonly index: number;
  readonly isCurrent: boolean;
  readonly isVirtual: boolean;
  readonly start: number;
  measure(node: HTMLElement | null): void;
  onCurrent(): void;
}

function Row<T>(props: IRowProps<T>): JSX.Element {
  const { item, index, isCurrent, isVirtual } = props;
  const tabIndex = isCurrent ? 0 : -1;
  return (
    // Keys are heard by the grid.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      ref={isVirtual ? props.measure : undefined}
      className="wb-Row"
      role="row"
      tabIndex={tabIndex}
      aria-rowindex={index + 1}
      aria-selected={props.onToggle ? props.isSelected?.(item) : undefined}
      data-index={index}
      data-key={props.keyOf(item)}
      data-openable={props.onOpen !== undefined}
      style={
        isVirtual ? { transform: `translateY(${props.start}px)` } : undefined
      }
      onFocus={props.onCurrent}
      onClick={event => {
        if (props.onToggle && (event.ctrlKey || event.metaKey)) {
          props.onToggle(item);
        } else {
          props.onOpen?.(item);
        }
      }}
    >
      <div role="gridcell" className="wb-Row-cell">
        {props.render(item, tabIndex)}
      </div>
    </div>
  );
}
