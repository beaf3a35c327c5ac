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

/** Return the class of data; one that is not known here stays as it is. */
export function classWord(name: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    public: trans._p('data class', 'Public'),
    internal: trans._p('data class', 'Internal'),
    confidential: trans._p('data class', 'Confidential'),
    personal: trans._p('data class', 'Personal')
  };
  return words[name] ?? name;
}
