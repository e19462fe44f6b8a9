import { Type, type TSchema } from '@sinclair/typebox'
import t from 'tap'
import { compare } from '../../lib/deploy/compare.ts'
import { describe, type Endpoint } from '../../lib/describe/describe.ts'
import { endpoint } from '../../lib/endpoint.ts'

type Descriptor = Parameters<typeof endpoint>[0]

/** Endpoints as a module that exports these has them. */
function endpointsOf (descriptors: Record<string, Descriptor>): readonly Endpoint[] {
  const exports = Object.fromEntries(Object.entries(descriptors).map(([name, descriptor]) => [name, endpoint(descriptor, () => 1)]))
  const { endpoints, problems } = describe(exports, 'index.ts', '.')
  if (problems.length > 0) throw new Error(JSON.stringify(problems))
  return endpoints
}

/** As `breaks: text` or `text`. */
function changes (before: Record<string, Descriptor>, after: Record<string, Descriptor>): string[] {
  return compare(endpointsOf(before), endpointsOf(after)).map(({ api, method, breaking, text }) =>
    `${breaking ? 'breaks: ' : ''}${method === undefined ? '' : `${method} `}${api} ${text}`)
}

const argsChanges = (before: TSchema, after: TSchema): string[] => changes({ e: { args: before } }, { e: { args: after } })
const returnsChanges = (before: TSchema, after: TSchema): string[] => changes({ e: { returns: before } }, { e: { returns: after } })
const ofX = (before: TSchema, after: TSchema): [TSchema, TSchema] => [Type.Object({ x: before }), Type.Object({ x: after })]

t.test('equal descriptors have no changes', async t => {
  const one = { e: { method: 'GET|POST', params: ['a'], args: Type.Object({ a: Type.String() }), returns: Type.Array(Type.Union([Type.String(), Type.Null()])) } }
  t.strictSame(changes(one, structuredClone(one)), [])
})

t.test('an endpoint that is gone breaks its callers, one that is new does not', async t => {
  t.strictSame(changes({ a: {}, b: {} }, { b: {}, c: {} }), ['breaks: a is gone', 'c is new'])
  t.strictSame(changes({ a: { method: 'GET|POST' } }, { a: { method: 'POST|PUT' } }), ['breaks: GET a is gone', 'PUT a is new'])
  t.strictSame(changes({ one: { api: 'a' }, other: { api: 'a', method: 'POST' } }, { one: { api: 'a', method: 'GET|POST' } }), [], 'whatever function it is')
})

t.test('what arguments take', async t => {
  const open = Type.Object({ a: Type.Optional(Type.String()) })
  t.strictSame(argsChanges(open, Type.Object({ a: Type.String() })), ['breaks: e argument a is required now'])
  t.strictSame(argsChanges(Type.Object({ a: Type.String() }), open), ['e argument a may be left out now'])
  t.strictSame(argsChanges(open, Type.Object({ a: Type.Optional(Type.String()), b: Type.String() })), ['breaks: e argument b is new, and required'])
  t.strictSame(argsChanges(open, Type.Object({ a: Type.Optional(Type.String()), b: Type.Optional(Type.String()) })), ['e argument b is new'])
  t.strictSame(argsChanges(open, Type.Object({ a: Type.String({ default: 'x' }), b: Type.String({ default: 'x' }) })), ['e argument b is new'], 'one with a default need not be given')
  t.strictSame(argsChanges(open, Type.Object({})), ['e argument a is gone'])
  const closed = { additionalProperties: false }
  t.strictSame(argsChanges(Type.Object({ a: Type.Optional(Type.String()) }, closed), Type.Object({}, closed)), ['breaks: e argument a is gone'], 'where nothing else is taken')
  t.strictSame(argsChanges(open, Type.Object({ a: Type.Optional(Type.String()) }, closed)), ['breaks: e argument additionalProperties is false now; was none'])
  t.strictSame(changes({ e: {} }, { e: { args: open } }), ['e argument a is new'])
  t.strictSame(changes({ e: {} }, { e: { args: Type.Object({ b: Type.String() }) } }), ['breaks: e argument b is new, and required'])
  t.strictSame(changes({ e: { args: Type.Object({ b: Type.String() }) } }, { e: {} }), ['e argument b is gone'])
})

t.test('types and values of arguments', async t => {
  const cases: ReadonlyArray<[before: TSchema, after: TSchema, ...expected: string[]]> = [
    [Type.String(), Type.Number(), 'breaks: is number now; was string'],
    [Type.Number(), Type.Integer(), 'breaks: is integer now; was number'],
    [Type.Integer(), Type.Number(), 'is number now; was integer'],
    [Type.Unsafe({ type: ['string', 'null'] }), Type.String(), 'breaks: is string now; was string or null'],
    [Type.String(), Type.Any(), 'is anything now; was string'],
    [Type.Unsafe({ enum: ['a', 'b'] }), Type.Unsafe({ enum: ['a', 'c'] }), 'breaks: is no longer "b"', 'may be "c" now'],
    [Type.Union([Type.Literal('a'), Type.Literal('b')]), Type.Literal('a'), 'breaks: is no longer "b"'],
    [Type.Literal('a'), Type.Union([Type.Literal('a'), Type.Literal('b')]), 'may be "b" now'],
    [Type.Unsafe({ type: 'string', enum: ['a', 'b'] }), Type.Union([Type.Literal('b'), Type.Literal('a')])],
    [Type.String(), Type.Literal('a'), 'breaks: is one of "a" now'],
    [Type.Literal('a'), Type.String(), 'may be more than "a" now'],
    [Type.Integer({ minimum: 1 }), Type.Integer({ minimum: 2 }), 'breaks: minimum is 2 now; was 1'],
    [Type.Integer({ minimum: 1 }), Type.Integer(), 'minimum is none now; was 1'],
    [Type.String(), Type.String({ maxLength: 5 }), 'breaks: maxLength is 5 now; was none'],
    [Type.String({ maxLength: 5 }), Type.String({ maxLength: 9 }), 'maxLength is 9 now; was 5'],
    [Type.String(), Type.String({ pattern: '^a' }), 'breaks: pattern is "^a" now; was none'],
    [Type.String({ format: 'email' }), Type.String(), 'format is none now; was "email"'],
    [Type.String({ title: 'a' }), Type.String({ title: 'b', description: 'c' })],
    [Type.Union([Type.String(), Type.Number()]), Type.String(), 'breaks: is another union of types now'],
    [Type.String(), Type.Union([Type.String(), Type.Number()]), 'is another union of types now'],
    [Type.Union([Type.String(), Type.Number()]), Type.Union([Type.Number(), Type.String()])],
    [Type.Union([Type.Object({ a: Type.String() }), Type.Null()]), Type.Union([Type.Object({ a: Type.Number() }), Type.Null()]), 'breaks: is another union of types now'],
    [Type.Unsafe({ allOf: [{ minLength: 1 }] }), Type.Unsafe({ allOf: [{ minLength: 2 }] }), 'breaks: allOf is [{"minLength":2}] now; was [{"minLength":1}]']
  ]
  for (const [before, after, ...expected] of cases) {
    t.strictSame(argsChanges(...ofX(before, after)), expected.map(text => text.replace(/(breaks: )?(.*)/, '$1e argument x $2')), JSON.stringify([before, after]))
  }
})

t.test('where in the arguments', async t => {
  t.strictSame(argsChanges(...ofX(Type.Object({ y: Type.Array(Type.String()) }), Type.Object({ y: Type.Array(Type.Number()) }))), ['breaks: e argument x.y[] is number now; was string'])
  t.strictSame(argsChanges(...ofX(Type.Record(Type.String(), Type.Null()), Type.Record(Type.String(), Type.Number()))).length, 1)
  const referring = (type: string): TSchema => Type.Unsafe({ type: 'object', properties: { x: { $ref: '#/definitions/x' } }, definitions: { x: { type } } })
  t.strictSame(argsChanges(referring('string'), referring('number')), ['breaks: e argument #x is number now; was string'])
})

t.test('what results may be', async t => {
  t.strictSame(returnsChanges(Type.String(), Type.Number()), ['breaks: e result is number now; was string'])
  t.strictSame(returnsChanges(...ofX(Type.Number(), Type.Integer())), ['e result x is integer now; was number'])
  t.strictSame(returnsChanges(...ofX(Type.Integer(), Type.Number())), ['breaks: e result x is number now; was integer'])
  t.strictSame(returnsChanges(Type.Object({ a: Type.String() }), Type.Object({})), ['breaks: e result a is gone'])
  t.strictSame(returnsChanges(Type.Object({}), Type.Object({ a: Type.String() })), ['e result a is new, and required'])
  t.strictSame(returnsChanges(Type.Object({ a: Type.String() }), Type.Object({ a: Type.Optional(Type.String()) })), ['breaks: e result a may be left out now'])
  t.strictSame(returnsChanges(...ofX(Type.Literal('a'), Type.Unsafe({ enum: ['a', 'b'] }))), ['breaks: e result x may be "b" now'])
  t.strictSame(returnsChanges(...ofX(Type.Unsafe({ enum: ['a', 'b'] }), Type.Literal('a'))), ['e result x is no longer "b"'])
  t.strictSame(returnsChanges(Type.Any(), Type.String()), ['e result is string now; was anything'])
  t.strictSame(changes({ e: { returns: Type.String() } }, { e: {} }), ['breaks: e result is anything now; was string'])
})

t.test('the rest of a descriptor', async t => {
  t.strictSame(changes({ e: { params: ['a', 'b'] } }, { e: { params: ['b', 'a'] } }), ['breaks: e URL parameters are b, a now; were a, b'])
  t.strictSame(changes({ e: { params: ['a'] } }, { e: { params: ['a', 'b'] } }), ['e URL parameters are a, b now; were a'])
  t.strictSame(changes({ e: { params: ['a'] } }, { e: {} }), ['breaks: e URL parameters are not named now; were a'])
  t.strictSame(changes({ e: {} }, { e: { deprecated: true, summary: 'x', timeoutSecs: 3 } }),
    ["e may take 3 seconds now; was its owner's seconds", 'e is deprecated now', 'e its documentation is another'].map(text => text.replace("its owner's seconds", "its owner's")))
  const waits = ', but not served until the app restarts, since its config is not what was live'
  t.strictSame(changes({ e: {} }, { e: { config: { a: 1 } } }), [`breaks: e is the same${waits}`])
  t.strictSame(changes({ e: { config: { a: 1 } } }, { e: { config: { a: 1 } }, n: { config: { a: 2 } } }), [`n is new${waits}`])
})

t.test('schemas that are made to take long or to break the comparison do neither', async t => {
  const chain = (depth: number, leaf: unknown): TSchema => Type.Unsafe(Array.from({ length: depth }).reduce<unknown>(inner => ({ type: 'object', properties: { x: inner } }), leaf) as object)
  t.strictSame(argsChanges(chain(40, {}), chain(40, { type: 'null' })).map(text => text.replaceAll('.x', '')), ['breaks: e argument x is more than can be compared'])
  const unions: Record<string, TSchema[][]> = {
    'of objects': [0, 5_000].map(from => Array.from({ length: 1_000 }, (_, i) => Type.Object({ [`p${i + from}`]: Type.String() }))) as TSchema[][],
    'of values': [0, 1].map(from => [Type.Object({}), ...Array.from({ length: 70 }, (_, i) => Type.Unsafe({ enum: Array.from({ length: 700 }, (_, j) => `${i} ${j} ${from}`) }))]) as TSchema[][],
    'of conditions': [0, 1].map(from => Array.from({ length: 70 }, (_, i) => Type.Unsafe({ type: 'object', allOf: Array.from({ length: 500 }, (_, j) => ({ minProperties: i * j + from })) }))) as TSchema[][]
  }
  for (const [name, [was, is]] of Object.entries(unions)) {
    const [before, after] = [was!, is!.toReversed()].map(anyOf => ({ ...endpointsOf({ e: {} })[0]!, args: { type: 'object', properties: { x: { anyOf } } } }))
    const { user } = process.cpuUsage()
    t.match(compare([before!], [after!]), [{ breaking: true }], name)
    t.ok(process.cpuUsage({ user, system: 0 }).user < 2_000_000, `unions ${name}: within its budget`)
  }
  const [one] = endpointsOf({ e: {} })
  const nested = JSON.parse('['.repeat(200_000) + ']'.repeat(200_000)) as unknown
  const [was, is] = [nested, [nested]].map(value => ({ ...one!, args: { type: 'object', default: 1, const: value } }))
  t.strictSame(compare([was!], [is!]), [{ api: 'e', breaking: true, text: 'is more than can be compared' }])
  const long = 'x'.repeat(1_000)
  t.strictSame(argsChanges(...ofX(Type.Literal(`${long}1`), Type.Literal(`${long}2`))).length, 2, 'what differs late differs too')
  const all = compare([], Array.from({ length: 2_000 }, (_, i) => ({ ...one!, api: `e${i}` })))
  t.equal(all.length, 500)
})
