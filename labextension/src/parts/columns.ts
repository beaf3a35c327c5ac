import type { ReactNode } from 'react';
import type { IColumn } from './table';

/** How wide a column of words may become: as wide as they are, or a share of what is left. */
const WORDS = 'minmax(8em, 1fr)';

/** A column of words; by default it takes a share of the width that is left. */
export function textColumn<T>(
  key: string,
  label: string,
  render: (item: T) => ReactNode,
  track: string = WORDS
): IColumn<T> {
  return { key, label, track, render };
}

/** A column of short words that is as wide as the longest of them. */
export function tightColumn<T>(
  key: string,
  label: string,
  render: (item: T) => ReactNode
): IColumn<T> {
  return { key, label, track: 'max-content', render };
}

/** A column of figures: as wide as the longest, aligned at their end. */
export function figureColumn<T>(
  key: string,
  label: string,
  render: (item: T) => ReactNode
): IColumn<T> {
  return { key, label, track: 'max-content', align: 'end', render };
}
