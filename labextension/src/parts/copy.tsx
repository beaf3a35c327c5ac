import type { MouseEvent } from 'react';
import { useEffect, useState } from 'react';
import { CommandIDs } from '../model/commands';
import type { IRoom } from '../model/tokens';
import { shortDigest } from './figures';

/** How long a button says that it has copied, in milliseconds. */
const SAID_MS = 1500;

/** A button that puts a text on the clipboard and says so. */
export function CopyButton(props: { text: string; room: IRoom }): JSX.Element {
  const { trans } = props.room;
  const [isCopied, copy] = useCopy(props.text, props.room);
  return (
    <button
      type="button"
      className="wb-Button"
      data-kind="plain"
      onClick={copy}
    >
      <span aria-live="polite">
        {isCopied ? trans.__('Copied') : trans.__('Copy')}
      </span>
    </button>
  );
}

/** A digest, shortened; the whole of it is copied with a click. */
export function Digest(props: {
  digest: string;
  room: IRoom;
  tabIndex?: number;
}): JSX.Element {
  const [isCopied, copy] = useCopy(props.digest, props.room);
  if (!props.digest) {
    return <span className="wb-Digest">–</span>;
  }
  return (
    <button
      type="button"
      className="wb-Digest"
      title={props.digest}
      tabIndex={props.tabIndex}
      aria-label={props.room.trans.__('Copy %1', props.digest)}
      data-copied={isCopied}
      onClick={copy}
    >
      {shortDigest(props.digest)}
    </button>
  );
}

function useCopy(
  text: string,
  room: IRoom
): [boolean, (event: MouseEvent) => void] {
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) {
      return;
    }
    const timer = window.setTimeout(() => setIsCopied(false), SAID_MS);
    return () => window.clearTimeout(timer);
  }, [isCopied]);
  return [
    isCopied,
    event => {
      event.stopPropagation();
      void room.commands.execute(CommandIDs.copyText, { text });
      setIsCopied(true);
    }
  ];
}
