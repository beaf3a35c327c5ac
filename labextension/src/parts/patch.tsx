import { Part } from './facts';

/** Lines of a patch; what came and what went differ by sign and by colour. */
export function Patch(props: {
  title: string;
  lines: readonly string[];
  testId: string;
}): JSX.Element | null {
  if (props.lines.length === 0) {
    return null;
  }
  return (
    <Part title={props.title} testId={props.testId}>
      {/* A long line scrolls, and what scrolls has to be reachable with the keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="wb-Patch" tabIndex={0}>
        {props.lines.map((line, index) => (
          <span key={index} data-sign={signOf(line)}>
            {line}
            {'\n'}
          </span>
        ))}
      </pre>
    </Part>
  );
}

function signOf(line: string): string {
  if (line.startsWith('@@') || /^(\+\+\+|---)/.test(line)) {
    return 'place';
  }
  return line.startsWith('+') ? 'plus' : line.startsWith('-') ? 'minus' : '';
}
