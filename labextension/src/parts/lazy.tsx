import type { ReactNode } from 'react';
import { useState } from 'react';
import { Part } from './facts';

/** A part that costs the server something, and so is looked at only when somebody asks. */
export function LazyPart(props: {
  title: string;
  /** The button's word. */
  label: string;
  testId: string;
  children(): ReactNode;
}): JSX.Element {
  const [isAsked, setIsAsked] = useState(false);
  return (
    <Part title={props.title} testId={props.testId}>
      {isAsked ? (
        props.children()
      ) : (
        <button
          type="button"
          className="wb-Button"
          data-testid={`${props.testId}-show`}
          onClick={() => setIsAsked(true)}
        >
          {props.label}
        </button>
      )}
    </Part>
  );
}
