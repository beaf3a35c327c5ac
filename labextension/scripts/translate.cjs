/**
 * `jlpm translate`: bring the Japanese catalogue in step with the source.
 *
 * New messages get an empty entry, those that are gone lose theirs; what is untranslated is named and makes it fail.
 */
const fs = require('fs');
const path = require('path');
const {
  DOMAIN,
  FOLDER,
  catalogueText,
  compiled,
  extract,
  readCatalogue
} = require('./messages.cjs');

const messages = extract();
fs.mkdirSync(FOLDER, { recursive: true });
const po = path.join(FOLDER, `${DOMAIN}.po`);
fs.writeFileSync(po, catalogueText(messages, readCatalogue(po)));
const entries = readCatalogue(po);
fs.writeFileSync(path.join(FOLDER, `${DOMAIN}.json`), compiled(entries));

const missing = [...entries.values()].filter(entry => !entry.text);
missing.forEach(entry => console.error(`untranslated: ${entry.id}`));
process.exitCode = missing.length > 0 ? 1 : 0;
