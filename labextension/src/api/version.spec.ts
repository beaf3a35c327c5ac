import { readFileSync } from 'fs';
import { join } from 'path';
import { panelVersion } from './version';

it('is the version of the package and of the wheel', () => {
  const read = (file: string): string =>
    readFileSync(join(__dirname, '../..', file), 'utf8');
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(version).toBe(panelVersion);
  expect(read('../workbench/__init__.py')).toContain(
    `__version__ = "${panelVersion}"`
  );
});
