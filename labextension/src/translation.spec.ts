import { Gettext } from '@jupyterlab/translation/lib/gettext';
import { readFileSync } from 'fs';
import { join } from 'path';

interface IEntry {
  readonly context?: string;
  readonly id: string;
  readonly plural?: string;
  readonly text: string;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript that `jlpm translate` runs too
const tool = require('../scripts/messages.cjs') as {
  readonly DOMAIN: string;
  readonly FOLDER: string;
  extract(): Map<string, IEntry>;
  readCatalogue(): Map<string, IEntry>;
  compiled(entries: Map<string, IEntry>): string;
};

const placeholders = (text: string): string[] =>
  (text.match(/%\d/g) ?? []).sort();

describe('the Japanese catalogue', () => {
  const messages = tool.extract();
  const entries = tool.readCatalogue();
  const json = readFileSync(join(tool.FOLDER, `${tool.DOMAIN}.json`), 'utf8');

  it('finds the words of the source', () => {
    expect(messages.size).toBeGreaterThan(200);
    expect(messages.has('Runs')).toBe(true);
  });

  it('translates every message', () => {
    const missing = [...messages.keys()].filter(key => !entries.get(key)?.text);
    expect(missing).toEqual([]);
  });

  it('translates nothing that is gone', () => {
    const orphans = [...entries.keys()].filter(key => !messages.has(key));
    expect(orphans).toEqual([]);
  });

  it('keeps every placeholder', () => {
    const broken = [...entries.values()].filter(
      entry =>
        placeholders(entry.text).join() !==
        placeholders(entry.plural ?? entry.id).join()
    );
    expect(broken).toEqual([]);
  });

  it('is compiled as JupyterLab reads it', () => {
    expect(json).toBe(tool.compiled(entries));
    const { '': head, ...words } = JSON.parse(json) as Record<
      string,
      string[]
    > & {
      '': { language: string; plural_forms: string };
    };
    expect(head.language).toBe('ja-JP');
    const gettext = new Gettext({ domain: tool.DOMAIN, locale: 'ja-JP' });
    gettext.loadJSON(
      {
        ...words,
        '': {
          domain: tool.DOMAIN,
          language: head.language,
          pluralForms: head.plural_forms
        }
      },
      tool.DOMAIN
    );
    gettext.setLocale('ja-JP');
    expect(gettext.__('Runs')).toBe('実験記録');
    expect(gettext._n('%1 job', '%1 jobs', 3)).toBe('ジョブ 3 件');
    expect(gettext.__('Cell %1 of %2', 2, 8)).toBe('セル 2 / 8');
  });
});
