import { Type } from '@sinclair/typebox'
import type { FastifyRequest, RouteOptions } from 'fastify'

/**
 * One endpoint, written twice: as source of a module of ours, and as the route that one would write without us. Both
 * give the same answer, which is checked before anything is measured.
 */
export interface Scenario {
  readonly shows: string
  readonly method: 'GET' | 'POST'
  /** What follows the endpoint's name in the URL. */
  readonly suffix: string
  readonly payload?: { readonly ours: unknown, readonly bare: unknown }
  /** Source of endpoint number `index`, exported by a module that has `endpoint` and `Type`. */
  readonly source: (index: number) => string
  readonly route: (index: number) => RouteOptions
}

export const prefix = '/rest/services'

/** Public name of an endpoint by its number. */
export function apiName (index: number): string {
  return `e${index}`
}

const hello: Scenario = {
  shows: 'GET, no schema',
  method: 'GET',
  suffix: '',
  source: index => `export const ${apiName(index)} = endpoint({}, async () => ({ hello: 'world' }))`,
  route: index => ({
    method: 'GET',
    url: `${prefix}/${apiName(index)}`,
    handler: async () => ({ hello: 'world' })
  })
}

const schemas = {
  args: () => Type.Object({ name: Type.String({ minLength: 1 }), age: Type.Integer({ minimum: 0 }) }),
  returns: () => Type.Object({ hello: Type.String(), next: Type.Integer() })
}

const schemaSource = `
  args: Type.Object({ name: Type.String({ minLength: 1 }), age: Type.Integer({ minimum: 0 }) }),
  returns: Type.Object({ hello: Type.String(), next: Type.Integer() })`

const greetSource = 'async ({ name, age }) => ({ hello: name, next: age + 1 })'

const greet = async ({ name, age }: { name: string, age: number }) => ({ hello: name, next: age + 1 })

const schema: Scenario = {
  shows: 'POST, schemas of arguments and result',
  method: 'POST',
  suffix: '',
  payload: { ours: { name: 'Ada', age: 36 }, bare: { name: 'Ada', age: 36 } },
  source: index => `export const ${apiName(index)} = endpoint({ method: 'POST',${schemaSource} }, ${greetSource})`,
  route: index => ({
    method: 'POST',
    url: `${prefix}/${apiName(index)}`,
    // Made for each route, as an app's schemas are: one object shared by all would be compiled once.
    schema: { body: schemas.args(), response: { 200: schemas.returns() } },
    handler: request => greet(request.body as { name: string, age: number })
  })
}

const map: Scenario = {
  shows: 'POST, 2 slugs, query and `__map__`',
  method: 'POST',
  suffix: '/1/2?c=3&d=4',
  payload: { ours: { name: 'one', __map__: { parm_1: 'a', parm_2: 'b' } }, bare: { name: 'one' } },
  source: index => `export const ${apiName(index)} = endpoint({ method: 'POST' }, async args => args)`,
  route: index => ({
    method: 'POST',
    url: `${prefix}/${apiName(index)}/:a/:b`,
    handler: async ({ body, query, params }: FastifyRequest) =>
      ({ ...body as object, ...query as object, ...params as object })
  })
}

/** For the start, where each endpoint costs: every second one is a GET, its arguments in the query. */
const mixed: Scenario = {
  ...schema,
  shows: 'GET and POST by turns, schemas of arguments and result',
  source: index => index % 2 === 1 ? schema.source(index) : schema.source(index).replace("'POST'", "'GET'"),
  route: index => index % 2 === 1
    ? schema.route(index)
    : {
        method: 'GET',
        url: `${prefix}/${apiName(index)}`,
        schema: { querystring: schemas.args(), response: { 200: schemas.returns() } },
        handler: request => greet(request.query as { name: string, age: number })
      }
}

export const scenarios = { hello, schema, map, mixed } as const satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

/** Those that are put under load. */
export const loadScenarios = ['hello', 'schema', 'map'] as const satisfies readonly ScenarioName[]
