import type { TranslationBundle } from '@jupyterlab/translation';
import { Clipboard } from '@jupyterlab/apputils';
import type { MouseEvent } from 'react';
import { useEffect, useState } from 'react';
import { shortDigest } from './figures';

/** How long a button says that it has copied, in milliseconds. */
const SAID_MS = 1500;

/** A button that puts a text on the clipboard and says so. */
export function CopyButton(props: {
  text: string;
  trans: TranslationBundle;
}): JSX.Element {
  const [isCopied, copy] = useCopy(props.text);
  return (
    <button type="button" className="wb-Button" data-kind="plain" onClick={copy}>
      <span aria-live="polite">
        {isCopied ? props.trans.__('Copied') : props.trans.__('Copy')}
      </span>
    </button>
  );
}

/** A digest, shortened; the whole of it is copied with a click. */
export function Digest(props: {
  digest: string;
  trans: TranslationBundle;
  tabIndex?: number;
}): JSX.Element {
  const [isCopied, copy] = useCopy(props.digest);
  if (!props.digest) {
    return <span className="wb-Digest">–</span>;
  }
  return (
    <button
      type="button"
      className="wb-Digest"
      title={props.digest}
      tabIndex={props.tabIndex}
      aria-label={props.trans.__('Copy %1', props.digest)}
      data-copied={isCopied}
      onClick={copy}
    >
      {shortDigest(props.digest)}
    </button>
  );
}

function useCopy(text: string): [boolean, (event: MouseEvent) => void] {
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
      Clipboard.copyToSystem(text);
      setIsCopied(true);
    }
  ];
}
