import type { Tone } from './words';

const PATHS: Record<Tone, string> = {
  good: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.7 5.3-4.4 4.6a.8.8 0 0 1-1.1 0L4.2 8.8l1.1-1.1 1.4 1.5 3.9-4Z',
  busy: 'M8 1.2a6.8 6.8 0 1 0 6.8 6.8h-1.7A5.1 5.1 0 1 1 8 2.9Z',
  wait: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.6a5.4 5.4 0 1 1 0 10.8A5.4 5.4 0 0 1 8 2.6ZM7.2 4.5v4l2.9 1.8.8-1.2-2.2-1.4V4.5Z',
  warn: 'M8 1.3c.4 0 .7.2.9.5l6 10.6c.4.7-.1 1.6-.9 1.6H2c-.8 0-1.3-.9-.9-1.6l6-10.6c.2-.3.5-.5.9-.5ZM7.2 5.5v4h1.6v-4Zm0 5.2v1.6h1.6v-1.6Z',
  bad: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm2.6 3.7 1.1 1.1L9.4 8l2.3 2.2-1.1 1.1L8.3 9.1l-2.2 2.2L5 10.2 7.2 8 5 5.8l1.1-1.1 2.2 2.2Z',
  idle: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.6a5.4 5.4 0 1 1 0 10.8A5.4 5.4 0 0 1 8 2.6ZM5 7.2v1.6h6V7.2Z'
};

/** The shape and colour of a state. It has a name only where no word stands beside it. */
export function Glyph(props: { tone: Tone; label?: string }): JSX.Element {
  return (
    <svg
      className="wb-Glyph"
      data-tone={props.tone}
      viewBox="0 0 16 16"
      {...(props.label
        ? { role: 'img', 'aria-label': props.label }
        : { 'aria-hidden': true })}
    >
      {props.label && <title>{props.label}</title>}
      <path fillRule="evenodd" d={PATHS[props.tone]} />
    </svg>
  );
}
