import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

/** Return a command's argument as text; what is missing or no text is the fallback. */
export function textOf(
  args: ReadonlyPartialJSONObject,
  name: string,
  fallback = ''
): string {
  const value = args[name];
  return typeof value === 'string' ? value : fallback;
}

/** Return a command's argument as a list of texts. */
export function textsOf(
  args: ReadonlyPartialJSONObject,
  name: string
): readonly string[] {
  const value = args[name];
  return Array.isArray(value)
    ? value.filter(item => typeof item === 'string')
    : [];
}
