// Run with `--config infra/eslint.config.mjs` from the project's folder; the rules about folders importing one another are a unit test.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

export default defineConfig(
  { ignores: ['dist/', '.local/', 'coverage/'] },
  {
    files: ['{functions,shared,infra,test}/**/*.ts', 'functions/portal/app/**/*.tsx'],
    extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
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
    files: ['{functions,shared,infra,test}/**/*.ts'],
    ignores: ['functions/portal/app/**'],
    languageOptions: { parserOptions: { project: path.join(root, 'tsconfig.json'), tsconfigRootDir: root } },
  },
  {
    // The pages run in a browser and have a tsconfig.json of their own.
    files: ['functions/portal/app/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { project: path.join(root, 'functions/portal/app/tsconfig.json'), tsconfigRootDir: root } },
    rules: {
      // The bundler keeps an import whose names are all marked as types, with all that stands behind it; `import type` it drops.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      // React takes a handler's result and drops it; whoever gives it a promise has said in it what becomes of an error.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      // What the server sends never becomes markup (and "exports" is a fine name here: the bundle is made of modules).
      'no-restricted-syntax': [
        'error',
        { selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]', message: 'Text is text: let React write it.' },
        {
          selector: 'MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]',
          message: 'Text is text: let React write it.',
        },
      ],
      // Dialogs of the browser stop everything, have no theme and no language; the other two are never what was meant.
      'no-restricted-globals': ['error', 'alert', 'confirm', 'prompt', 'event', 'name'],
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
    files: ['test/{unit,integration,e2e,browser,crash}/**/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['infra/**/*.mjs'],
    extends: [js.configs.recommended],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['process', 'console', 'URL', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'],
          ...['fetch', 'AbortSignal', 'Buffer', 'performance'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
