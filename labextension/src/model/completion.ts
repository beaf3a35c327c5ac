/** Names that a query may use. */
export interface IVocabulary {
  readonly metrics: readonly string[];
  readonly params: readonly string[];
  /** Values that a field is known to have. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** What may stand where the caret is. */
export interface ICompletions {
  /** Where the word begins that a completion takes the place of. */
  readonly from: number;
  readonly items: readonly string[];
}

/** Fields of a run besides its metrics, parameters and tags: those of `experiment/search/fields.py`. */
export const FIELDS = [
  'state',
  'name',
  'source',
  'level',
  'starred',
  'started',
  'duration',
  'ended',
  'actor',
  'target',
  'data',
  'model',
  'note',
  'commit',
  'job',
  'parent',
  'id'
] as const;

const OPERATORS = ['=', '!=', '>', '>=', '<', '<=', '~', 'IN ('] as const;
const JOINERS = ['AND', 'OR'] as const;

/** At most so many are offered. */
const MOST = 12;

const WORD = /(?:(?:metrics|params|tags)\.`[^`]*|[^\s()<>=!~,'"`]*)$/;
const OPENS = /(?:^|\(|\s)(?:AND|OR|NOT)$|^$|\($/i;
const ASKS_VALUE = /([\w.]+|`)\s*(?:=|!=|~|<=|>=|<|>)$/;
const HAS_VALUE =
  /(?:=|!=|~|<|>)\s*(?:"[^"]*"|'[^']*'|[^\s()"']+)$|\)$|\bstarred$/;

/** Return what may stand at `caret`, best first; nothing where that is free text. */
export function completionsAt(
  text: string,
  caret: number,
  words: IVocabulary
): ICompletions {
  const word = WORD.exec(text.slice(0, caret))?.[0] ?? '';
  const from = caret - word.length;
  const before = text.slice(0, from).trimEnd();
  const items = candidates(before, words).filter(
    item => item !== word && matches(item, word)
  );
  return { from, items: items.slice(0, MOST) };
}

/** Return the text with a completion in it, and where the caret goes. */
export function completed(
  text: string,
  caret: number,
  from: number,
  item: string
): { readonly text: string; readonly caret: number } {
  const tail = text.slice(caret);
  const gap = item.endsWith('(') || tail.startsWith(' ') ? '' : ' ';
  const head = `${text.slice(0, from)}${item}${gap}`;
  return { text: head + tail, caret: head.length };
}

function candidates(before: string, words: IVocabulary): readonly string[] {
  if (OPENS.test(before)) {
    return [
      ...FIELDS,
      ...words.metrics.map(name => `metrics.${quoted(name)}`),
      ...words.params.map(name => `params.${quoted(name)}`),
      'NOT'
    ];
  }
  const field = ASKS_VALUE.exec(before)?.[1];
  if (field !== undefined) {
    return (words.values[field] ?? []).map(valueText);
  }
  return HAS_VALUE.test(before) ? JOINERS : [...OPERATORS, ...JOINERS];
}

/** The beginning counts, and so does the beginning of a name behind its dot: `f1` finds `metrics.f1`. */
function matches(item: string, word: string): boolean {
  const [wanted, name] = [word.toLowerCase(), item.toLowerCase()];
  return (
    name.startsWith(wanted) ||
    name
      .slice(name.indexOf('.') + 1)
      .replace('`', '')
      .startsWith(wanted)
  );
}

function quoted(name: string): string {
  return /^[^\s()<>=!~,'"`]+$/.test(name) ? name : `\`${name}\``;
}

function valueText(value: string): string {
  return /^[\w./@:-]+$/.test(value)
    ? value
    : `"${value.replaceAll('"', '""')}"`;
}
