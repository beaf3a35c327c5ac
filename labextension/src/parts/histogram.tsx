const WIDTH = 120;
const HEIGHT = 24;

/** How values are distributed, as small bars; at least a pixel high where there is a value at all. */
export function Histogram(props: {
  counts: readonly number[];
  label: string;
}): JSX.Element | null {
  const { counts } = props;
  const most = Math.max(...counts, 0);
  if (most === 0) {
    return null;
  }
  const width = WIDTH / counts.length;
  return (
    <svg
      className="wb-Histogram"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={props.label}
    >
      <title>{props.label}</title>
      {counts.map((count, index) => {
        const height = count === 0 ? 0 : Math.max((count / most) * HEIGHT, 1);
        return (
          <rect
            key={index}
            x={index * width}
            y={HEIGHT - height}
            width={Math.max(width - 0.5, 0.5)}
            height={height}
          />
        );
      })}
    </svg>
  );
}
