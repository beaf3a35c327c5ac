const jupyterlab = require('@jupyterlab/testing/lib/jest-config')(__dirname);

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
  }
};
