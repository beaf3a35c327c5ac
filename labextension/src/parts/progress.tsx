import type { Figure } from '../api/contract';

/** A thin bar; it always takes its height, so that nothing moves when a run starts or ends. */
export function Progress(props: {
  /** Share that is done; null where it is not known. */
  value: Figure;
  isShown: boolean;
  label: string;
}): JSX.Element {
  if (!props.isShown) {
    return <div className="wb-Progress" data-shown={false} />;
  }
  const share =
    props.value === null ? null : Math.min(1, Math.max(0, props.value));
  return (
    <div
      className="wb-Progress"
      data-shown={true}
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(share === null ? {} : { 'aria-valuenow': Math.round(share * 100) })}
    >
      <div
        className="wb-Progress-bar"
        data-indeterminate={share === null}
        style={share === null ? undefined : { width: `${share * 100}%` }}
      />
    </div>
  );
}
