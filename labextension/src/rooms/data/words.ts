import type { TranslationBundle } from '@jupyterlab/translation';

/** Return the word for a change of a column, a row or a file. */
export function changeWord(kind: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    added: trans.__('Added'),
    removed: trans.__('Removed'),
    dropped: trans.__('Dropped'),
    changed: trans.__('Changed'),
    retyped: trans.__('Type changed'),
    renamed: trans.__('Perhaps renamed')
  };
  return words[kind] ?? kind;
}
