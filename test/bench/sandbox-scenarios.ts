import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest, RouteOptions } from 'fastify'
import { prefix } from './scenarios.ts'

/** One endpoint of a tenant, written twice, as in scenarios.ts. */
export interface GuestScenario {
  readonly shows: string
  readonly query: string
  readonly payload?: unknown
  /** Exported by a module that has `endpoint` and `Type`. */
  readonly source: string
  readonly route: (url: string) => RouteOptions
}

const nameSchema = () => Type.Object({ name: Type.String({ default: 'world' }) })

const hello: GuestScenario = {
  shows: 'GET, schemas, and two values of the context',
  query: '?name=Ada',
  source: `export const hello = endpoint({
  args: Type.Object({ name: Type.String({ default: 'world' }) }),
  returns: Type.Object({ hello: Type.String(), method: Type.String(), requestId: Type.String() })
}, async ({ name }, { method, requestId }) => ({ hello: name, method, requestId }))`,
  route: url => ({
    method: 'GET',
    url,
    schema: {
      querystring: nameSchema(),
      response: { 200: Type.Object({ hello: Type.String(), method: Type.String(), requestId: Type.String() }) }
    },
    handler: async (request: FastifyRequest) =>
      ({ hello: (request.query as { name: string }).name, method: request.method, requestId: request.id })
  })
}

const greet: GuestScenario = {
  shows: 'GET, schemas',
  query: '?name=Ada',
  source: `export const greet = endpoint({
  args: Type.Object({ name: Type.String({ default: 'world' }) }),
  returns: Type.Object({ hello: Type.String() })
}, async ({ name }) => ({ hello: name }))`,
  route: url => ({
    method: 'GET',
    url,
    schema: { querystring: nameSchema(), response: { 200: Type.Object({ hello: Type.String() }) } },
    handler: async (request: FastifyRequest) => ({ hello: (request.query as { name: string }).name })
  })
}

const items = Array.from({ length: 94 }, (_, i) => ({
  id: i, name: `Item number ${i} of the order`, price: i * 1.25, stocked: i % 3 > 0, tags: ['first', 'second', `t${i}`]
}))

const orderSource = `Type.Object({
  items: Type.Array(Type.Object({
    id: Type.Integer(), name: Type.String(), price: Type.Number(), stocked: Type.Boolean(), tags: Type.Array(Type.String())
  }))
})`

const orderSchema = () => Type.Object({
  items: Type.Array(Type.Object({
    id: Type.Integer(), name: Type.String(), price: Type.Number(), stocked: Type.Boolean(), tags: Type.Array(Type.String())
  }))
})

const echo: GuestScenario = {
  shows: `POST of ${(JSON.stringify({ items }).length / 1000).toFixed(1)} KB of JSON and back, schemas`,
  query: '',
  payload: { items },
  source: `export const echo = endpoint({ method: 'POST', args: ${orderSource}, returns: ${orderSource} }, async ({ items }) => ({ items }))`,
  route: url => ({
    method: 'POST',
    url,
    schema: { body: orderSchema(), response: { 200: orderSchema() } },
    handler: async (request: FastifyRequest) => ({ items: (request.body as { items: unknown[] }).items })
  })
}

export const guestScenarios = { hello, greet, echo } as const satisfies Record<string, GuestScenario>

export type GuestScenarioName = keyof typeof guestScenarios

export const admin = '00000000-0000-4000-8000-ffffffffffff'

/** UUID of a tenant by its number. */
export function tenantId (index: number): string {
  return `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`
}

export function tenantIds (count: number): string[] {
  return Array.from({ length: count }, (_, index) => tenantId(index))
}

/** Path of a tenant's endpoint; a route of bare Fastify has the same. */
export function guestPath (owner: string, api: string): string {
  return `${prefix}/${owner}/${api}`
}

const head = `import { Type } from '@sinclair/typebox'
import { endpoint } from 'fastify-microservices'
`

/** Writes a module of a tenant's into a TENANTS_DIR. */
export async function writeGuest (directory: string, owner: string, name: string, ...sources: readonly string[]): Promise<void> {
  await mkdir(join(directory, owner), { recursive: true })
  await writeFile(join(directory, owner, `${name}.ts`), `${head}\n${sources.join('\n\n')}\n`)
}

/** Source of a module of the usual size (some 20 lines) with one endpoint. */
export function usualSource (api: string): string {
  return `interface Answer { greeting: string, letters: number }

const greetings = new Map([['en', 'Hello'], ['de', 'Guten Tag'], ['fr', 'Bonjour']])

function greet (name: string, language: string): Answer {
  const greeting = greetings.get(language) ?? 'Hello'
  return { greeting: \`\${greeting}, \${name}\`, letters: name.length }
}

export const ${api} = endpoint({
  summary: 'Greets in a language',
  args: Type.Object({ name: Type.String({ default: 'you' }), language: Type.String({ default: 'en', maxLength: 2 }) }),
  returns: Type.Object({ greeting: Type.String(), letters: Type.Integer() })
}, async ({ name, language }) => greet(name, language))`
}
