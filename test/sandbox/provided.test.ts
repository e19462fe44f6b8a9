import { Kind, Type } from '@sinclair/typebox'
import * as real from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import t from 'tap'
import { tagOf } from '../../lib/endpoint.ts'
import { deferred } from '../../lib/sandbox/child/prelude/deferred.ts'
import { provide } from '../../lib/sandbox/child/prelude/provided.ts'
import { load } from '../../lib/sandbox/child/prelude/parts/typebox.ts'

type Typebox = typeof real

/** The stand-in, and how often the real one was loaded. */
function open (): { typebox: Typebox, loads: () => number } {
  let loads = 0
  const typebox = deferred(() => {
    loads++
    return real as never
  }) as Typebox
  return { typebox, loads: () => loads }
}

t.test('schemas cost nothing until somebody looks at them', async t => {
  const { typebox, loads } = open()
  const { Type: Stand } = typebox
  const inner = Stand.Object({ name: Stand.String({ minLength: 1 }), list: Stand.Optional(Stand.Array(Stand.Integer())) })
  const outer = Stand.Union([inner, Stand.Null(), Stand.Recursive(This => Stand.Object({ next: Stand.Optional(This) }), { $id: 'tree' })])
  t.equal(loads(), 0)
  t.equal(JSON.stringify(outer), JSON.stringify(Type.Union([
    Type.Object({ name: Type.String({ minLength: 1 }), list: Type.Optional(Type.Array(Type.Integer())) }), Type.Null(),
    Type.Recursive(This => Type.Object({ next: Type.Optional(This) }), { $id: 'tree' })
  ])))
  t.ok(loads() > 0)
})

t.test('stand-ins behave as the real schemas', async t => {
  const { typebox } = open()
  const { Type: Stand } = typebox
  const schema = Stand.Object({ a: Stand.String({ default: 'x' }), b: Stand.Transform(Stand.String()).Decode(value => Number(value)).Encode(value => `${value}`) })
  t.equal(schema[Kind], 'Object')
  t.equal(real.TypeGuard.IsObject(schema), true)
  t.equal(Value.Check(schema, { a: 'x', b: '5' }), true)
  t.strictSame(Value.Decode(schema, { a: 'x', b: '5' }), { a: 'x', b: 5 })
  t.strictSame([...Value.Errors(schema, { a: 1, b: '' })].map(({ path }) => path), ['/a'])
  t.strictSame(Object.keys(schema), Object.keys(Type.Object({ a: Type.String(), b: Type.String() })))
  t.strictSame({ ...Stand.String({ title: 'a' }) }, { ...Type.String({ title: 'a' }) })
  t.equal('type' in Stand.String(), true)
  t.equal(Object.getPrototypeOf(Stand.String()), Object.prototype)
  t.equal(Object.isFrozen(Object.freeze(Stand.String())), true)
  t.strictSame(Object.getOwnPropertyDescriptor(Stand.String(), 'type'), Object.getOwnPropertyDescriptor(Type.String(), 'type'))
  const extended = Object.assign(Stand.String(), { title: 'mine' })
  t.equal(extended.title, 'mine')
  t.strictSame(Value.Check(Stand.Composite([Stand.Object({ a: Stand.Number() }), Stand.Object({ b: Stand.Number() })]), { a: 1, b: 2 }), true)
  t.throws(() => JSON.stringify((Stand as unknown as Record<string, () => unknown>)['Nonsense']!()), /Type\.Nonsense is not a function/)
})

t.test('all else is the real thing', async t => {
  const { typebox, loads } = open()
  t.equal(typebox.Kind, Kind)
  t.equal(loads(), 1)
  t.equal(typebox.FormatRegistry, real.FormatRegistry)
  t.strictSame(Object.keys(typebox).toSorted(), Object.keys(real).toSorted())
  t.equal(typeof typebox.Type.Object, 'function')
  t.equal(typebox.Type.Object, typebox.Type.Object)
  t.equal((typebox as { __esModule?: boolean }).__esModule, true)
})

t.test('require gives what every module may import, and nothing else', async t => {
  const asked: string[] = []
  const part = (name: string): Record<string, unknown> => {
    asked.push(name)
    return { load }
  }
  const own = provide('fastify-microservices', part) as typeof import('../../lib/endpoint.ts')
  t.strictSame(Object.keys(own).filter(name => name !== '__esModule').toSorted(), ['assert', 'command', 'endpoint', 'fail'])
  t.equal(tagOf(own.endpoint({}, () => 1))?.kind, 'function')
  t.throws(() => own.command({ run: ['ls'] })({}), /runs as an endpoint only/)
  t.type(provide('@sinclair/typebox', part), 'object')
  t.strictSame(asked, [])
  t.type((provide('@sinclair/typebox/value', part) as { Value: unknown }).Value, 'object')
  t.strictSame(asked, ['typebox'])
  for (const name of ['fs', 'node:fs', 'fastify', '', '__proto__', 'constructor', '@sinclair/typebox/', '@sinclair/typebox/constructor', '@sinclair/typebox/__proto__']) {
    t.equal(provide(name, part), undefined, name)
  }
})
