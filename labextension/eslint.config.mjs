import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** Every rule of the plugin that is about sources like these, as an error: retrofitting is what others gave up on. */
const jupyterRules = Object.fromEntries(
  Object.keys(jupyter.rules)
    .filter(name => name !== 'no-schema-enum' && !name.startsWith('galata-'))
    .map(name => [`jupyter/${name}`, 'error'])
);

export default tseslint.config(
  {
    ignores: ['lib/', 'node_modules/', 'coverage/', 'src/api/contract.ts']
  },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [
      ...tseslint.configs.recommendedTypeChecked,
      jsxA11y.flatConfigs.recommended
    ],
    languageOptions: {
      parserOptions: {
        project: './tsconfig.test.json',
        tsconfigRootDir: import.meta.dirname
      }
    },
    plugins: { jupyter, 'react-hooks': reactHooks },
    rules: {
      ...jupyterRules,
      ...reactHooks.configs.recommended.rules,
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-function-return-type': [
        'error',
        { allowExpressions: true }
      ],
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        }
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        { ignoreVoid: true }
      ],
      // Signals take a method and its object apart: `signal.connect(this._method, this)`.
      '@typescript-eslint/unbound-method': 'off',
      'jupyter/prefer-lazy-imports': [
        'error',
        // What activation is for: without these there is nothing to activate.
        {
          ignoreImports: [
            '../api/client',
            '../model/feed',
            '../model/workbench',
            '../rooms/panel',
            './changes'
          ]
        }
      ],
      'no-console': 'error',
      'max-lines': ['error', 300],
      curly: 'error',
      eqeqeq: 'error'
    }
  },
  {
    files: ['**/*.spec.{ts,tsx}', 'src/testing/**'],
    rules: {
      // Mock plugins and commands live here; what a test makes dies with its environment.
      'jupyter/command-described-by': 'off',
      'jupyter/no-untranslated-string': 'off',
      'jupyter/prefer-lazy-imports': 'off',
      'jupyter/require-disposable-ownership': 'off',
      'jupyter/require-disposable-transfer': 'off'
    }
  },
  {
    files: ['*.js', 'scripts/**/*.{js,cjs,mjs}'],
    languageOptions: {
      globals: {
        __dirname: 'readonly',
        console: 'readonly',
        module: 'writable',
        process: 'readonly',
        require: 'readonly'
      }
    }
  },
  prettier
);
