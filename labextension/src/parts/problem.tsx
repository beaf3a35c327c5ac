import type { ReactNode } from 'react';
import type { IProblem } from '../api/contract';
import { Glyph } from './glyph';

/** A problem in place: what happened, what mends it, and the code that can be searched for. */
export function ProblemNote(props: {
  problem: IProblem;
  children?: ReactNode;
}): JSX.Element {
  const { message, hint, code } = props.problem;
  return (
    <div className="wb-Problem" role="alert" data-testid="wb-problem">
      <Glyph tone="bad" />
      <div>
        <p>{message}</p>
        {hint && <p className="wb-Hint">{hint}</p>}
        <p className="wb-Code">{code}</p>
        {props.children}
      </div>
    </div>
  );
}
