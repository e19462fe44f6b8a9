import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import microservices, {
  type Authorize, type CallMatch, type DirectoryListing, type EndpointListing, type Microservices, type MicroservicesOptions,
  assert, fail, microservices as named
} from 'fastify-microservices'
import { describe, expect, test } from 'tstyche'

const app = Fastify()

describe('the plugin', () => {
  test('is the default export and a named one', () => {
    expect(named).type.toBe<typeof microservices>()
  })

  test('registers with typed options', () => {
    expect(app.register(microservices)).type.toBeAssignableTo<PromiseLike<unknown>>()
    app.register(microservices, {
      plugins: ['./plugins'],
      prefix: '/api',
      NUM_URL_PARMS: 12,
      URL_PARM1: 'id',
      URL_PARM12: 'last',
      MAX_FUNCTION_SECS: 5,
      watch: 'poll',
      envelope: true,
      authorize: async (request, match) => {
        expect(request).type.toBe<FastifyRequest>()
        expect(match).type.toBe<CallMatch>()
        return match.owner === 'local'
      }
    })
    expect<MicroservicesOptions>().type.toBeAssignableFrom<{ plugins: string, watch: false }>()
    expect<MicroservicesOptions>().type.toBeAssignableFrom<{ plugins: readonly ['./plugins'] }>()
    expect<MicroservicesOptions>().type.toBeAssignableFrom<{ authorize: Authorize }>()
  })

  test('refuses values of the wrong type', () => {
    expect<MicroservicesOptions>().type.not.toBeAssignableFrom<{ plugins: number }>()
    expect<MicroservicesOptions>().type.not.toBeAssignableFrom<{ watch: true }>()
    expect<MicroservicesOptions>().type.not.toBeAssignableFrom<{ NUM_URL_PARMS: string }>()
    expect<MicroservicesOptions>().type.not.toBeAssignableFrom<{ URL_PARM1: number }>()
    expect<MicroservicesOptions>().type.not.toBeAssignableFrom<{ authorize: true }>()
  })

  test('refuses options that do not exist', () => {
    // @ts-expect-error Object literal may only specify known properties
    const options: MicroservicesOptions = { plugin: './plugins' }
    expect(options).type.toBe<MicroservicesOptions>()
  })
})

describe('the Fastify instance', () => {
  test('has microservices', () => {
    expect<FastifyInstance>().type.toHaveProperty('microservices')
    expect(app.microservices).type.toBe<Microservices>()
    expect(app.microservices.refresh()).type.toBe<Promise<void>>()
    expect(app.microservices.at('/api')).type.toBe<Microservices>()
    expect(app.microservices.at).type.not.toBeCallableWith()
  })

  test('lists what is served in types that can be walked', () => {
    const listing = app.microservices.directory()
    expect(listing).type.toBe<DirectoryListing>()
    for (const { owner, name, endpoints } of listing.modules) {
      expect([owner, name]).type.toBe<string[]>()
      expect(endpoints).type.toBe<readonly EndpointListing[]>()
    }
    for (const { code, file, message } of listing.problems) {
      expect([file, message]).type.toBe<string[]>()
      expect(code).type.toBeAssignableFrom<'FMS_ERR_MODULE'>()
      expect(code).type.not.toBeAssignableFrom<'ENOENT'>()
    }
  })
})

describe('assert() and fail()', () => {
  test('narrow', () => {
    const value = Math.random() > 2 ? 'text' : undefined
    assert(value, 404, 'no such text')
    expect(value).type.toBe<'text'>()
    expect(fail(404, 'no such text')).type.toBe<never>()
  })
})
