import { formatAgo, formatTime } from './figures';
import { useNow } from './hooks';

/** How long ago something was; the exact time is in its tooltip. */
export function RelativeTime(props: {
  iso: string;
  locale: string;
}): JSX.Element {
  const now = useNow();
  return (
    <time
      className="wb-Time"
      dateTime={props.iso}
      title={formatTime(props.iso, props.locale)}
    >
      {formatAgo(props.iso, now, props.locale)}
    </time>
  );
}
