import type { Figure } from '../api/contract';

const WIDTH = 120;
const HEIGHT = 24;
const MARGIN = 2;

/** A metric's course as a small line; gaps stay gaps. */
export function Sparkline(props: {
  values: readonly Figure[];
  label: string;
}): JSX.Element | null {
  const known = props.values.filter(value => value !== null);
  if (known.length < 2) {
    return null;
  }
  return (
    <svg
      className="wb-Sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={props.label}
    >
      <path d={sparklinePath(props.values)} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** Return the line through `values`, scaled to the box. */
export function sparklinePath(values: readonly Figure[]): string {
  const known = values.filter(value => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (WIDTH - 2 * MARGIN) / Math.max(values.length - 1, 1);
  const y = (HEIGHT - 2 * MARGIN) / (high - low || 1);
  let isPenDown = false;
  return values
    .map((value, index) => {
      const command = isPenDown ? 'L' : 'M';
      isPenDown = value !== null;
      return value === null
        ? ''
        : `${command}${round(MARGIN + index * x)} ${round(HEIGHT - MARGIN - (value - low) * y)}`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
