import neostandard, { plugins } from 'neostandard'

export default [
  ...neostandard({ ts: true, noJsx: true, ignores: ['dist/**', '.tap/**', 'coverage/**'] }),
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      // `void promise` says that nobody waits for it.
      'no-void': ['error', { allowAsStatement: true }],
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description', 'ts-ignore': true, 'ts-nocheck': true }]
    }
  },
  {
    files: ['lib/**/*.ts', 'types/**/*.ts'],
    rules: {
      'max-lines-per-function': ['error', 40],
      'max-len': ['error', { code: 160, ignoreRegExpLiterals: true, ignoreStrings: true, ignoreTemplateLiterals: true }],
      'no-console': 'error'
    }
  },
  {
    // They do what must not be done.
    files: ['test/sandbox/hostile/**'],
    rules: {
      'no-new-func': 'off',
      'no-eval': 'off',
      'no-extend-native': 'off',
      'no-throw-literal': 'off',
      'prefer-promise-reject-errors': 'off',
      'no-proto': 'off'
    }
  },
  {
    // `.only`, `.skip` and `.todo` are for the moment of writing.
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', {
        selector: 'CallExpression > MemberExpression.callee[object.name=/^(t|tap)$/][property.name=/^(only|skip|todo)$/]',
        message: 'A test is run or deleted.'
      }]
    }
  }
]
