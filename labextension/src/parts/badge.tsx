import { Glyph } from './glyph';
import type { IWord } from './words';

/** A state as glyph and word. */
export function Badge(props: { word: IWord }): JSX.Element {
  return (
    <span className="wb-Badge" data-tone={props.word.tone}>
      <Glyph tone={props.word.tone} />
      {props.word.label}
    </span>
  );
}
