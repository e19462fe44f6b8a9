import t from 'tap'
import { decodeBase64, latin1Of } from '../../lib/sandbox/child/prelude/bytes.ts'
import { format, utf8Length } from '../../lib/sandbox/child/prelude/format.ts'
import { inspect } from '../../lib/sandbox/child/prelude/inspect.ts'
import { cut } from '../../lib/sandbox/child/prelude/text.ts'

t.test('base64 is decoded and bytes become text as in Node', async t => {
  for (let length = 0; length < 70; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, i) => i * 37 & 255))
    t.strictSame([...decodeBase64(bytes.toString('base64'))], [...bytes], `${length} bytes`)
    t.equal(latin1Of(bytes, length), bytes.toString('latin1'))
  }
  const large = Buffer.alloc(100_000, 'äö')
  t.equal(latin1Of(large, large.length), large.toString('latin1'))
})

t.test('bytes of text are counted as in Node', async t => {
  for (const text of ['', 'a', 'ä', '€', '\u{1F600}', '\ud800', '\udc00', '\ud800\ud800\udc00a', 'aä€\u{1F600}', 'x\ud83d']) {
    t.equal(utf8Length(text), Buffer.byteLength(text), JSON.stringify(text))
  }
})

t.test('text is not cut within a character', async t => {
  t.equal(cut('ab\u{1F600}', 3), 'ab')
  t.equal(cut('ab\u{1F600}', 4), 'ab\u{1F600}')
  t.equal(cut('abc', 2), 'ab')
})

t.test('placeholders are filled as in Node', async t => {
  const cases: Array<[unknown[], string]> = [
    [[], ''],
    [['a', 1, 'b'], 'a 1 b'],
    [['%s-%s', 'a'], 'a-%s'],
    [['%s', 'a', 'b'], 'a b'],
    [['100%'], '100%'],
    [['%%', 1], '% 1'],
    [['%x %s', 'a'], '%x a'],
    [['%d|%i|%f', '42.5', '42.5', '42.5'], '42.5|42|42.5'],
    [['%d', {}], 'NaN'],
    [['%d', 5n], '5n'],
    [['%o %j %c!', { a: 1 }, [1], 'color: red'], '{ a: 1 } [1] !'],
    [[1, '%s', 'a'], '1 %s a'],
    [[undefined, null, true], 'undefined null true']
  ]
  for (const [values, text] of cases) t.equal(format(values), text)
})

t.test('what is shown has an end', async t => {
  const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, i]))
  t.match(inspect(wide), /k99: 99, … }$/)
  t.match(inspect(Array.from({ length: 1_000 }, () => 1)), /, … 900 more\]$/)
  t.match(inspect(new Set(Array.from({ length: 1_000 }, (_, i) => i))), /^Set\(1000\) \{0, .*, … 900 more\}$/)
  t.ok(inspect('x'.repeat(1e6)).length < 17_000)
  t.ok(inspect(Array.from({ length: 100 }, () => 'y'.repeat(1e5))).length < 50_000)
  let deep: object = {}
  for (let i = 0; i < 1e5; i++) deep = { deep }
  t.equal(inspect(deep), '{ deep: { deep: { deep: { deep: [object] } } } }')
  t.equal(inspect(Object.create(null)), '{}')
  t.equal(inspect(Object.assign(Object.create({ constructor: null }), { a: 1 })), '{ a: 1 }')
  t.equal(inspect({ [Symbol('s')]: { get a () { throw new Error() } } }), '{ [Symbol(s)]: { a: [getter] } }')
})
