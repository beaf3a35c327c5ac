/**
 * The panel's words: found in the source by TypeScript's own parser, kept in a .po file, compiled to the .json that
 * JupyterLab serves. Everything works offline.
 */
const fs = require('fs');
const path = require('path');
const ts = require('typescript');

const ROOT = path.join(__dirname, '..');
const SOURCE = path.join(ROOT, 'src');
const SCHEMA = path.join(ROOT, 'schema');
const FOLDER = path.join(ROOT, '../workbench/locale/ja_JP/LC_MESSAGES');
const DOMAIN = 'mlops_workbench';

/** Arguments that are words, by method of the translation bundle. */
const METHODS = {
  __: ['id'],
  _n: ['id', 'plural'],
  _p: ['context', 'id'],
  _np: ['context', 'id', 'plural']
};

/** Between context and word in the compiled catalogue. */
const CONTEXT_GLUE = '\u0004';

/** Return the key of a message in the compiled catalogue. */
function keyOf({ context, id }) {
  return context ? context + CONTEXT_GLUE + id : id;
}

/** Return every message of the source and the settings schemas, by key. */
function extract() {
  const found = new Map();
  const add = (message, place) => {
    const known = found.get(keyOf(message));
    found.set(keyOf(message), {
      ...message,
      plural: message.plural ?? known?.plural,
      places: [...(known?.places ?? []), place]
    });
  };
  for (const file of sources()) {
    messagesOf(file).forEach(message =>
      add(message, path.relative(ROOT, file))
    );
  }
  for (const name of fs.readdirSync(SCHEMA)) {
    const schema = JSON.parse(fs.readFileSync(path.join(SCHEMA, name), 'utf8'));
    for (const key of ['title', 'description']) {
      add({ context: 'schema', id: schema[key] }, `schema/${name}`);
    }
  }
  return found;
}

function sources() {
  return fs
    .readdirSync(SOURCE, { recursive: true })
    .filter(name => /\.tsx?$/.test(name) && !/\.spec\.|testing/.test(name))
    .map(name => path.join(SOURCE, name))
    .sort();
}

function messagesOf(file) {
  const tree = ts.createSourceFile(
    file,
    fs.readFileSync(file, 'utf8'),
    ts.ScriptTarget.Latest,
    true
  );
  const messages = [];
  const visit = node => {
    if (
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      METHODS[node.expression.name.text]
    ) {
      const names = METHODS[node.expression.name.text];
      const message = {};
      names.forEach((name, index) => {
        const argument = node.arguments[index];
        if (!argument || !ts.isStringLiteralLike(argument)) {
          throw new Error(`${file}: a translated text is no literal`);
        }
        message[name] = argument.text;
      });
      messages.push(message);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return messages;
}

/** Return the entries of the .po file, by key. */
function readCatalogue(file = path.join(FOLDER, `${DOMAIN}.po`)) {
  const entries = new Map();
  if (!fs.existsSync(file)) {
    return entries;
  }
  for (const block of fs.readFileSync(file, 'utf8').split(/\n\n+/)) {
    const fields = {};
    let last = '';
    for (const line of block.split('\n')) {
      const match = /^(msg\w+(?:\[0\])?)\s+(".*")$/.exec(line);
      if (match) {
        last = match[1];
        fields[last] = JSON.parse(match[2]);
      } else if (/^"/.test(line)) {
        fields[last] += JSON.parse(line);
      }
    }
    if (fields.msgid) {
      const entry = {
        context: fields.msgctxt,
        id: fields.msgid,
        plural: fields.msgid_plural,
        text: fields.msgstr ?? fields['msgstr[0]'] ?? ''
      };
      entries.set(keyOf(entry), entry);
    }
  }
  return entries;
}

/** Return the text of the .po file: one entry for each message, in the order of the source. */
function catalogueText(messages, texts) {
  const head = [
    'msgid ""',
    'msgstr ""',
    '"Language: ja_JP\\n"',
    '"Plural-Forms: nplurals=1; plural=0;\\n"',
    '"MIME-Version: 1.0\\n"',
    '"Content-Type: text/plain; charset=UTF-8\\n"',
    '"Content-Transfer-Encoding: 8bit\\n"'
  ].join('\n');
  const blocks = [...messages.values()].map(message => {
    const text = JSON.stringify(texts.get(keyOf(message))?.text ?? '');
    return [
      ...[...new Set(message.places)].map(place => `#: ${place}`),
      message.context && `msgctxt ${JSON.stringify(message.context)}`,
      `msgid ${JSON.stringify(message.id)}`,
      message.plural && `msgid_plural ${JSON.stringify(message.plural)}`,
      message.plural ? `msgstr[0] ${text}` : `msgstr ${text}`
    ]
      .filter(Boolean)
      .join('\n');
  });
  return `${[head, ...blocks].join('\n\n')}\n`;
}

/**
 * Return the compiled catalogue.
 *
 * JupyterLab takes a plural entry with one form for no translation at all, so the one Japanese form stands twice.
 */
function compiled(entries) {
  const catalogue = {
    '': {
      domain: DOMAIN,
      language: 'ja-JP',
      plural_forms: 'nplurals=1; plural=0;',
      version: DOMAIN
    }
  };
  for (const entry of entries.values()) {
    if (entry.text) {
      catalogue[keyOf(entry)] = entry.plural
        ? [entry.text, entry.text]
        : [entry.text];
    }
  }
  return `${JSON.stringify(catalogue, null, 2)}\n`;
}

module.exports = {
  DOMAIN,
  FOLDER,
  catalogueText,
  compiled,
  extract,
  keyOf,
  readCatalogue
};
