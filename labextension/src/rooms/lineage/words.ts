import type { TranslationBundle } from '@jupyterlab/translation';

/** Return the word for a kind of thing. */
export function kindWord(kind: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    file: trans.__('File'),
    dataset: trans.__('Dataset version'),
    notebook: trans.__('Notebook'),
    run: trans.__('Run'),
    model: trans.__('Model'),
    review: trans.__('Review'),
    release: trans.__('Release'),
    window: trans.__('Window'),
    alert: trans.__('Alert')
  };
  return words[kind] ?? kind;
}
