const jupyterlab = require('@jupyterlab/testing/lib/jest-config')(__dirname);

/** Packages that are ES modules only. */
const esModules = [
  '@codemirror',
  '@jupyter/',
  '@jupyterlab/',
  '@marijn',
  '@microsoft',
  '@rjsf',
  'exenv-es6',
  'lib0',
  'marked',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'yjs'
].join('|');

module.exports = {
  ...jupyterlab,
  reporters: ['default'],
  setupFilesAfterEnv: ['<rootDir>/src/testing/setup.ts'],
  testRegex: 'src/.*\\.spec\\.tsx?$',
  // Types are checked by `jlpm build:lib` and by eslint; here only the behaviour counts.
  transform: {
    ...jupyterlab.transform,
    '^.+\\.tsx?$': [
      'ts-jest',
      { diagnostics: false, tsconfig: 'tsconfig.test.json' }
    ]
  },
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
