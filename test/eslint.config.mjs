import { fileURLToPath } from 'node:url'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

const root = fileURLToPath(new URL('..', import.meta.url))

const outside = [
  ...['window', 'document', 'navigator', 'location', 'self', 'top', 'parent', 'history', 'crypto', 'performance'],
  ...['localStorage', 'sessionStorage', 'indexedDB', 'BroadcastChannel', 'fetch', 'console', 'process'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'requestAnimationFrame'],
  ...['addEventListener', 'removeEventListener', 'dispatchEvent'],
]
const message = 'Only src/environment/ knows the outside world: take it from the environment.'

export default defineConfig(
  { ignores: ['build/', 'dist/', 'coverage/', '.cache/', 'node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{ts,tsx,mjs,js}'],
    extends: [tseslint.configs.recommended],
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-debugger': 'error',
      'no-useless-rename': 'error',
      'object-shorthand': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
    },
  },
  {
    files: ['test/**/*.{ts,tsx}', 'examples/**/*.{ts,tsx}'],
    rules: { '@typescript-eslint/no-explicit-any': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    // A test that does not await its expectation passes whatever happens.
    files: ['test/**/*.{ts,tsx}', 'examples/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: root } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/await-thenable': 'error' },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './src/tsconfig.json', tsconfigRootDir: root } },
    rules: {
      'no-restricted-globals': ['error', ...outside.map((name) => ({ name, message }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message },
        { object: 'Math', property: 'random', message },
        { object: 'globalThis', message },
        { object: 'window', message },
        { object: 'self', message },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Names only: no default export.' },
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message },
        {
          selector: 'ClassDeclaration[superClass=null]',
          message: 'A factory with closures instead; classes are for errors.',
        },
        {
          selector: 'Literal[value=/^(before)?unload$/]',
          message: 'Such a listener costs the page its back/forward cache.',
        },
      ],
      // Options, answers, claims and records are checked though their types promise that they are right.
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-useless-default-assignment': 'off',
      // Matters of style: short where the types leave no doubt.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      // An abort reason is rejected with as it is.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
    },
  },
  {
    files: ['src/environment/**/*.ts'],
    rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' },
  },
  {
    // The one word of advice of a binding, in development.
    files: ['src/react.ts'],
    rules: { 'no-restricted-globals': ['error', ...outside.filter((name) => !/console|process/.test(name))] },
  },
  {
    // What an SDK keeps to itself has no types.
    files: ['src/adapters/**/*.ts'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
)
