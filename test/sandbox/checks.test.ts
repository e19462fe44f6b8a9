import { join } from 'node:path'
import { inspect } from 'node:util'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { ModuleVersion } from '../../lib/catalog/module.ts'
import type { Endpoint } from '../../lib/describe/description.ts'
import { takesArray } from '../../lib/describe/arrays.ts'
import { serialiserOf, validateArguments } from '../../lib/http/validate.ts'
import type { Limits } from '../../lib/limits.ts'
import { Builder } from '../../lib/sandbox/workshop/builder.ts'
import { Wall } from '../../lib/sandbox/layers.ts'
import { loadPrelude } from '../../lib/sandbox/prelude.ts'

type Schema = Record<string, unknown>

const object = (properties: Schema, more: Schema = {}): Schema => ({ type: 'object', properties, ...more })

class Money {
  toJSON (): string {
    return '5 EUR'
  }
}

const nested = (depth: number): unknown => {
  let value: unknown = null
  for (let i = 0; i < depth; i++) value = { next: value }
  return value
}

/** Schemas of arguments, and values for each. */
const argumentsTable: ReadonlyArray<readonly [schema: Schema, values: readonly unknown[]]> = [
  [object({ a: { type: 'string' } }, { required: ['a'] }), [{ a: 'x' }, { a: 5 }, { a: null }, { a: true }, {}, { a: {} }, { b: 1 }]],
  [object({ a: { type: 'integer', minimum: 1, maximum: 5 } }), [{ a: '3' }, { a: '3.5' }, { a: 7 }, { a: '' }, { a: null }, { a: 'x' }, { a: true }]],
  [object({ a: { type: 'number', exclusiveMinimum: 0, multipleOf: 0.5 } }), [{ a: '1.5' }, { a: 0 }, { a: '1e2' }, { a: 0.3 }]],
  [object({ a: { type: 'boolean' } }), [{ a: 'true' }, { a: 'false' }, { a: 1 }, { a: 0 }, { a: 'yes' }, { a: null }]],
  [object({ a: { type: 'null' } }), [{ a: '' }, { a: 0 }, { a: 'x' }]],
  [object({ a: { type: ['integer', 'null'] } }), [{ a: '1' }, { a: '' }, { a: null }, { a: 'x' }]],
  [object({ a: { type: 'array', items: { type: 'integer' }, uniqueItems: true, minItems: 1, maxItems: 3 } }), [{ a: '1' }, { a: ['1', 2] }, { a: [1, 1] }, { a: [] }, { a: [1, 2, 3, 4] }, { a: 'x' }]],
  [object({ a: { type: 'array', items: object({ b: { type: 'string' } }), uniqueItems: true } }), [{ a: [{ b: 'x' }, { b: 'x' }] }, { a: [{ b: 'x' }, { b: 'y' }] }]],
  [object({ a: { type: 'string', default: 'd' }, b: object({ c: { default: [1] } }), e: object({ c: { default: 1 } }, { default: {} }) }), [{}, { a: 'x' }, { b: {} }, { e: {} }]],
  [object({ a: {} }, { additionalProperties: false }), [{ a: 1, b: 2 }, { b: 2, __proto__: null }, { toString: 1 }]],
  [object({ a: {} }, { additionalProperties: { type: 'integer' } }), [{ a: 'x', b: '5' }, { b: 'x' }]],
  [object({}, { patternProperties: { '^x-': { type: 'integer' } }, additionalProperties: false }), [{ 'x-a': '1' }, { 'x-a': 'y' }, { y: 1 }]],
  [object({}, { propertyNames: { pattern: '^[a-z]+$' }, minProperties: 1, maxProperties: 2 }), [{}, { a: 1 }, { A: 1 }, { a: 1, b: 2, c: 3 }]],
  [object({ a: { type: 'string', minLength: 2, maxLength: 3 } }), [{ a: '😀' }, { a: '😀😀' }, { a: 'abcd' }, { a: '😀😀😀😀' }]],
  [object({ a: { type: 'string', pattern: '^\\p{L}+$' } }), [{ a: 'é' }, { a: '1' }]],
  [object({ a: { enum: ['x', 1, null, { b: [1] }] } }), [{ a: 'x' }, { a: '1' }, { a: null }, { a: { b: [1] } }, { a: { b: [2] } }]],
  [object({ a: { const: { b: 1 } } }), [{ a: { b: 1 } }, { a: { b: 2 } }]],
  ...['email', 'date-time', 'date', 'time', 'uuid', 'uri', 'ipv4', 'ipv6', 'hostname', 'json-pointer', 'regex', 'int32', 'byte', 'duration'].map(format =>
    [object({ a: { type: 'string', format } }), ['a@b.de', '2020-01-01T00:00:00Z', '2020-02-30', '2020-02-28', '10:00:00Z', '70dd81e5-961a-470e-9e88-63d828674757',
      'https://a/b', '1.2.3.4', '::1', 'a.b', '/a/b', '(', 'aGk=', 'P1D', ''].map(a => ({ a }))] as const),
  [object({ a: { type: 'integer', format: 'int32' } }), [{ a: 5 }, { a: 2 ** 40 }]],
  [object({ a: { type: 'string', format: 'date', formatMinimum: '2020-01-01' } }), [{ a: '2019-01-01' }, { a: '2021-01-01' }]],
  [object({ a: { anyOf: [{ type: 'integer' }, { type: 'string', minLength: 2 }] } }), [{ a: '5' }, { a: 'x' }, { a: 'xy' }]],
  [object({ a: { oneOf: [object({ k: { const: 'a' }, v: { type: 'integer' } }), object({ k: { const: 'b' } }, { required: ['k'] })] } }), [{ a: { k: 'a', v: '1' } }, { a: { k: 'b' } }, { a: {} }]],
  [object({ a: { not: { type: 'integer' } } }), [{ a: 1 }, { a: 'x' }]],
  [{ allOf: [object({ a: { type: 'integer' } }), { required: ['b'] }] }, [{ a: '1' }, { a: '1', b: 1 }]],
  [{ type: 'object', if: object({ a: { const: 1 } }), then: { required: ['b'] }, else: { required: ['c'] } }, [{ a: 1 }, { a: 1, b: 1 }, { a: 2, c: 1 }]],
  [object({ a: { type: 'array', contains: { const: 1 }, items: [{ type: 'integer' }, { type: 'string' }], additionalItems: false } }), [{ a: ['1', 'x'] }, { a: [2] }, { a: [1, 'x', 2] }]],
  [object({}, { dependencies: { a: ['b'], c: object({ d: { type: 'integer' } }) } }), [{ a: 1 }, { a: 1, b: 1 }, { c: 1, d: 'x' }]],
  [{ type: 'object', properties: { next: { $ref: '#' } } }, [nested(3), { next: 5 }, nested(50_000)]],
  [{ $id: 'tree', type: 'object', properties: { next: { $ref: 'tree' }, list: { $ref: '#/definitions/list' } }, definitions: { list: { type: 'array' } } }, [{ next: { list: 1 } }, { list: 'x' }]],
  [Type.Object({ u: Type.Union([Type.Literal('a'), Type.Literal(1)]), r: Type.Record(Type.String(), Type.Number()), t: Type.Optional(Type.Tuple([Type.Number(), Type.String()])) }), [{ u: 'a', r: {} }, { u: 'b', r: {} }, { u: '1', r: { a: '2' } }, { u: 'a', r: { a: 'x' } }, { u: 'a', r: {}, t: ['1', 2] }]],
  [{}, [{}, { a: 1 }]],
  [object({ 'a-b': { type: 'integer' }, "it's": { type: 'integer' }, 'a"b\\': { type: 'integer' } }), [{ 'a-b': 'x' }, { "it's": 'x' }, { 'a"b\\': 'x' }]]
]

const circular: Record<string, unknown> = {}
circular['self'] = circular

/** Schemas of results, and values for each. */
const resultsTable: ReadonlyArray<readonly [schema: Schema, values: readonly unknown[]]> = [
  [{ type: 'string' }, ['x', '"\u2028\n', 5, null, undefined, new Date(0), new Money(), 'x'.repeat(100), '\ud800']],
  [{ type: 'integer' }, [1, 1.5, '1', 10n, NaN, Infinity, null]],
  [{ type: 'number' }, [1.5, NaN, Infinity, -0, '1']],
  [{ type: 'boolean' }, [true, 'true', 0]],
  [{ type: 'null' }, [null, undefined, 0]],
  [{}, [{ a: 1 }, [1], 'x', null, circular, () => 1]],
  [object({ a: { type: 'string' } }), [{ a: 'x', b: 1 }, {}, { a: 1 }, [], null, new Money(), { a: new Date(0) }, { a: undefined }, Object.create({ a: 'inherited' })]],
  [object({ a: { type: 'string' } }, { additionalProperties: false }), [{ a: 'x', b: 1 }, { b: 1 }, { a: 1 }]],
  [object({ a: { type: 'string' } }, { additionalProperties: true, required: ['a'] }), [{ a: 'x', b: { c: 1 } }, { b: 1 }]],
  [object({}, { additionalProperties: { type: 'integer' }, patternProperties: { '^s': { type: 'string' } } }), [{ a: 1, s: 'x' }, { a: 'x' }, { s: 1 }]],
  [object({ at: { type: 'string', format: 'date-time' }, day: { type: 'string', format: 'date' }, time: { type: 'string', format: 'time' } }), [{ at: new Date(0) }, { at: '2020-01-01T00:00:00Z' }, { at: 'x' }, { day: new Date(0) }, { day: '2020-01-01' }, { time: '10:00:00Z' }]],
  [{ type: 'array', items: { type: 'integer' } }, [[1, 2], ['x'], [], new Set([1]), [1, undefined]]],
  [{ type: 'array', items: { type: 'string' } }, [Array.from({ length: 20 }, (_, i) => `${i}`), [new Date(0)], [null]]],
  [{ type: 'array', items: [{ type: 'integer' }, object({ a: {} }, { additionalProperties: false })] }, [[1, { a: 1, b: 2 }], ['x']]],
  [{ anyOf: [object({ k: { const: 'a' }, a: { type: 'integer' } }, { additionalProperties: false, required: ['k'] }), object({ k: { const: 'b' }, b: { type: 'string' } }, { required: ['k'] })] },
    [{ k: 'a', a: 1, x: 1 }, { k: 'b', b: 'x', x: 1 }, { k: 'c' }, { k: 'a', a: 1 }]],
  [{ oneOf: [{ type: 'string' }, { type: 'integer' }] }, ['x', 1, null, new Date(0)]],
  [object({ a: { anyOf: [{ type: 'string', format: 'email' }, { type: 'null' }] } }), [{ a: 'a@b.de' }, { a: null }, { a: 'x' }]],
  [{ type: 'object', if: object({ k: { const: 1 } }), then: object({ v: { type: 'string' } }), else: object({ w: { type: 'integer' } }) }, [{ k: 1, v: 'x' }, { k: 2, w: 5 }]],
  [{ allOf: [object({ a: { type: 'integer' } }), object({ b: { type: 'string' } })] }, [{ a: 1, b: 'x', c: 1 }, { a: 'x' }]],
  [{ $id: 'node', type: 'object', properties: { next: { $ref: 'node' }, v: { $ref: '#/definitions/v' } }, definitions: { v: { type: 'integer' } } }, [{ v: 1, next: { v: 2, x: 1 } }, { v: 'x' }]],
  [object({ a: { type: ['string', 'null', 'integer'] } }), [{ a: 'x' }, { a: null }, { a: 1 }, { a: [] }]],
  [object({ a: { type: 'string', nullable: true } }), [{ a: null }, { a: 'x' }]],
  [object({ a: { enum: ['x', 'y'] }, b: { const: 1 }, c: { default: 5 } }), [{ a: 'x', b: 1 }, { a: 'z' }, { b: 2 }]],
  [Type.Object({ list: Type.Array(Type.Object({ id: Type.Integer(), name: Type.Optional(Type.String({ minLength: 1 })) })) }), [{ list: [{ id: 1 }, { id: 2, name: 'x', more: 1 }] }, { list: [{ id: 1, name: '' }] }]]
]

const all = [...argumentsTable.map(([schema]) => ({ args: schema })), ...resultsTable.map(([schema]) => ({ returns: schema }))]

const source = `import { endpoint } from 'fastify-microservices'
${all.map((schemas, i) => `export const e${i} = endpoint(${JSON.stringify({ api: `e${i}`, ...schemas })}, () => 1)`).join('\n')}`

const wall = await Wall.detect({ weakened: true, production: false })
const directory = t.testdir({ 'index.ts': source })
const builder = new Builder({ wall, directory: join(directory, 'cache'), imports: [] })
t.teardown(() => builder.close())
const entry = join(directory, 'index.ts')
const limits = { moduleBytes: 1024 * 1024, memoryMb: 64 } as Limits
const built = await builder.build({ admin: 'admin', owner: 'owner', name: 'checks', entry, root: entry, limits })
const { checks: script } = await built.script()

interface Check {
  args?: ((value: unknown) => boolean) & { errors?: unknown }
  returns?: (value: unknown) => string
  takesArray?: (name: string) => boolean
}

const { parts } = await loadPrelude()
// As in an isolate: a part is the body of a function, checks are an expression.
// eslint-disable-next-line no-new-func
const part = new Function('host', 'part', parts['checks'] as string)() as object
// eslint-disable-next-line no-eval
const make = (0, eval)(script) as (require: (name: string) => unknown) => Record<string, Check>
const checks = make(name => name === 'checks' ? part : undefined)

const trusted = new ModuleVersion({ owner: 'o', name: 'm', file: entry, version: '1' }, { exports: {}, mapStack: stack => stack }, built)

t.test('all schemas are described, and none is refused', async t => {
  t.strictSame(built.problems, [])
  t.equal(built.endpoints.length, all.length)
  t.strictSame(Object.keys(checks).toSorted(), built.endpoints.map(({ function: name }) => name).toSorted())
})

for (const [i, [schema, values]] of argumentsTable.entries()) {
  t.test(`arguments by ${JSON.stringify(schema).slice(0, 150)}`, async t => {
    const endpoint = { ...find(i), args: schema }
    const check = checks[`e${i}`]!
    for (const [n, value] of values.entries()) {
      const [own, guest] = [structuredCloneOr(value), structuredCloneOr(value)] as Array<Record<string, unknown>>
      const expected = outcome(() => { validateArguments(own!, endpoint, trusted) }, own)
      const found = outcome(() => {
        if (!check.args!(guest)) throw Object.assign(new Error(), { validation: check.args!.errors })
      }, guest)
      t.strictSame([found.errors, found.value], [expected.errors, expected.value], nameOf(n, value))
    }
    for (const name of ['a', 'b', 'next', 'list', 'none']) t.equal(check.takesArray?.(name) ?? false, takesArray(schema, name), `takesArray(${name})`)
  })
}

for (const [k, [schema, values]] of resultsTable.entries()) {
  t.test(`results by ${JSON.stringify(schema).slice(0, 150)}`, async t => {
    const i = argumentsTable.length + k
    const serialise = serialiserOf({ ...find(i), returns: schema }, trusted)!
    const check = checks[`e${i}`]!.returns!
    for (const [n, value] of values.entries()) {
      t.strictSame(textOf(() => check(value)), textOf(() => serialise(value)), nameOf(n, value))
    }
  })
}

function find (i: number): Endpoint {
  return built.endpoints.find(({ function: name }) => name === `e${i}`) as Endpoint
}

/** Deep values do not survive structuredClone; nobody changes them. */
function structuredCloneOr (value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch {
    return value
  }
}

function outcome (check: () => void, value: unknown): { errors: unknown, value: unknown } {
  try {
    check()
    return { errors: undefined, value: shallow(value) }
  } catch (error) {
    return { errors: (error as { validation?: unknown }).validation ?? error, value: undefined }
  }
}

function shallow (value: unknown): string {
  return inspect(value, { depth: 5 })
}

function textOf (serialise: () => string): { text: string } | { misfit: string } | { thrown: string } {
  try {
    return { text: serialise() }
  } catch (error) {
    const { message, validation, code } = error as Error & { validation?: string, code?: string }
    if (validation !== undefined) return { misfit: validation }
    return code === 'FMS_ERR_RETURNS' ? { misfit: message.replace('the result does not fit: ', '') } : { thrown: message }
  }
}

/** TAP's names are lines. */
function nameOf (n: number, value: unknown): string {
  return `${n + 1}: ${inspect(value, { breakLength: Infinity }).replaceAll(/[^ -~]/g, '?').slice(0, 100)}`
}
