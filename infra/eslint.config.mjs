// Run with `--config infra/eslint.config.mjs` from the project's folder; the rules about folders importing one another are a unit test.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

export default defineConfig(
  { ignores: ['dist/', '.local/', 'coverage/', 'functions/portal/app/'] },
  {
    files: ['{functions,shared,infra,test}/**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: path.join(root, 'tsconfig.json'), tsconfigRootDir: root } },
    rules: {
      // What this project fears most: work that nobody waits for (style guide, "Async and streams").
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // An implementation of an asynchronous interface need not wait for anything.
      '@typescript-eslint/require-await': 'off',
      // Factories return objects of functions that know no `this`; taking one out of its object is the style here.
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: 'error',
      // Compiled to CommonJS, a file speaks of its own exports under this name: a variable beside it hides them, at run time only.
      'no-restricted-syntax': [
        'error',
        {
          selector:
            ':matches(VariableDeclarator > Identifier.id, :function > Identifier.params, ObjectPattern > Property > Identifier.value)[name="exports"]',
          message: 'Call it something else: compiled files have this name already.',
        },
      ],
    },
  },
  {
    // Tests look into answers they know: JSON.parse without a schema is fine there.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    // jest's compiler gives such a variable another name
    files: ['test/{unit,integration,e2e,crash}/**/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['infra/**/*.mjs'],
    extends: [js.configs.recommended],
    languageOptions: {
      globals: { process: 'readonly', setInterval: 'readonly', clearInterval: 'readonly', console: 'readonly', URL: 'readonly' },
    },
  },
);
