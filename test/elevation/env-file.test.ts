import { parseEnv } from 'node:util'
import t from 'tap'
import { envLine, envText } from '../../lib/cli/elevation/env-file.ts'

const hostile: Readonly<Record<string, string>> = {
  nothing: '',
  plain: 'http://user:pass@example.com:80/a,b?c=d',
  space: ' leading and trailing ',
  tab: '\ttab\t',
  comment: 'before # after',
  onlyComment: '#',
  dollar: '$HOME $' + '{PATH} $$ $(id) `id`',
  single: "it's",
  double: 'say "so"',
  both: 'it\'s "so"',
  backtick: 'a `b` c',
  singleAndBacktick: "it's `so`",
  doubleAndBacktick: 'say "so" `so`',
  backslash: 'C:\\new\\table\\',
  escaped: 'one\\ntwo',
  newline: 'one\ntwo\n',
  onlyNewline: '\n',
  assignment: 'x\nADMIN_ID=another\nMULTI_TENANT=false\n',
  quotedAssignment: "x'\nADMIN_ID='another",
  exported: 'export A=b',
  equals: '=a=b=',
  unicode: 'ä ß 東京 🦊 \u2028 \u0085 \u00a0 \ufeff',
  bom: '\ufeffx',
  control: '\x01\x1b[31m\x7f',
  nul: 'a\0b',
  long: `${'x'.repeat(8_000)} '"`,
  json: '{"a":[1,"b\\n"]}'
}

t.test('every value that a .env can hold comes back as it was, alone and among all others', async t => {
  for (const [name, value] of Object.entries(hostile)) t.equal({ ...parseEnv(envLine(name, value) ?? '') }[name], value, name)
  const text = envText([{ comment: ['it\'s a "comment"'], values: hostile }, { comment: ['after `all`'], values: { LAST: 'one' } }])
  t.strictSame({ ...parseEnv(text) }, { ...hostile, LAST: 'one' })
})

t.test('random text comes back as it was, or is refused', async t => {
  const alphabet = ['\'', '"', '`', '\\', '\n', '\\n', '#', '$', '{', '}', '=', ' ', 'a', 'A=1', '\t', '\r', 'export ', 'é', '\n#', '\nB=\'']
  let [held, refused] = [0, 0]
  for (let i = 0; i < 3_000; i++) {
    // Of its own, so that a failure can be repeated.
    const pick = (n: number): string => alphabet[(i * 7919 + n * 104_729 + (i >> n) * 31) % alphabet.length]!
    const value = Array.from({ length: i % 12 }, (_, n) => pick(n)).join('')
    const line = envLine('NAME', value)
    if (line === undefined) refused++
    else {
      held++
      if (parseEnv(`BEFORE='x'\n${line}\nAFTER="y"\n`)['NAME'] !== value) t.fail(`it came back otherwise: ${JSON.stringify(value)}`)
      if (Object.keys(parseEnv(line)).length !== 1) t.fail(`it defines others: ${JSON.stringify(value)}`)
    }
  }
  t.ok(held > 1_000 && refused > 10, `${held} were written, ${refused} refused`)
})

t.test('what cannot be held is refused', async t => {
  for (const value of ['a\rb', 'a\r\nb', '\'"`', "'`\\n"]) {
    t.equal(envLine('NAME', value), undefined)
    t.throws(() => envText([{ comment: [], values: { NAME: value } }]), { message: /^NAME: expected a value that a \.env can hold/ })
  }
})
