import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import { type Context, type EndpointDescriptor, command, endpoint } from 'fastify-microservices'
import { describe, expect, test } from 'tstyche'

const args = Type.Object({ name: Type.String({ default: 'world' }), times: Type.Optional(Type.Integer()) })
const returns = Type.Object({ hello: Type.String() })

describe('endpoint()', () => {
  test('infers arguments and context from the descriptor', () => {
    endpoint({ args, returns }, (args, context) => {
      expect(args).type.toBe<{ name: string, times?: number }>()
      expect(context).type.toBe<Context>()
      return { hello: args.name }
    })
  })

  test('gives handlers without a schema unknown values', () => {
    endpoint({}, args => {
      expect(args).type.toBe<Record<string, unknown>>()
      return args['name']
    })
    endpoint({ args: { type: 'object', properties: { name: { type: 'string' } } } }, args => {
      expect(args).type.toBe<Record<string, unknown>>()
    })
  })

  test('takes a result that fits, at once or later, or an answer that passes by the schema', () => {
    expect(endpoint).type.toBeCallableWith({ returns }, () => ({ hello: 'world' }))
    expect(endpoint).type.toBeCallableWith({ returns }, async () => ({ hello: 'world' }))
    expect(endpoint).type.toBeCallableWith({ returns }, () => new Response('hello'))
    expect(endpoint).type.toBeCallableWith({ returns }, () => Readable.from(['hello']))
    expect(endpoint).type.toBeCallableWith({ returns }, () => Buffer.from('hello'))
    expect(endpoint).type.toBeCallableWith({}, () => undefined)
  })

  test('refuses a result that does not fit', () => {
    expect(endpoint).type.not.toBeCallableWith({ returns }, () => ({ hello: 1 }))
    expect(endpoint).type.not.toBeCallableWith({ returns }, () => ({}))
    expect(endpoint).type.not.toBeCallableWith({ returns }, async () => 'hello')
    expect(endpoint).type.not.toBeCallableWith({ returns }, () => undefined)
  })

  test('refuses an argument that the schema does not have', () => {
    endpoint({ args }, args => {
      expect(args).type.not.toHaveProperty('nam')
    })
  })

  test('returns a function that a unit test calls, with or without a context', () => {
    const hello = endpoint({ args, returns }, ({ name }) => ({ hello: name }))
    expect(hello).type.toBeCallableWith({ name: 'you' })
    expect(hello).type.toBeCallableWith({ name: 'you' }, { requestId: 'req-1' })
    expect(hello).type.not.toBeCallableWith({ name: 1 })
    expect(hello).type.not.toBeCallableWith()
    expect(hello).type.not.toBeCallableWith({ name: 'you' }, { requestID: 'req-1' })
  })
})

describe('a descriptor', () => {
  test('takes methods in every form that is documented', () => {
    expect<EndpointDescriptor>().type.toBeAssignableFrom<{ method: 'GET|PUT|POST' }>()
    expect<EndpointDescriptor>().type.toBeAssignableFrom<{ method: string[] }>()
    expect<EndpointDescriptor>().type.toBeAssignableFrom<{ method: readonly ['GET', 'PUT'] }>()
    expect<EndpointDescriptor>().type.not.toBeAssignableFrom<{ method: number }>()
  })

  test('refuses fields that do not exist and values of the wrong type', () => {
    const handler = () => undefined
    expect(endpoint).type.not.toBeCallableWith({ methods: 'GET' }, handler)
    expect(endpoint).type.not.toBeCallableWith({ timeoutSecs: '5' }, handler)
    expect(endpoint).type.not.toBeCallableWith({ params: 'name' }, handler)
    expect(endpoint).type.toBeCallableWith({
      api: 'hello-world',
      summary: 'Greets',
      description: '',
      tags: ['greetings'],
      deprecated: false,
      params: ['name'],
      timeoutSecs: 5,
      config: { rateLimit: { max: 100 } }
    }, handler)
  })
})

describe('command()', () => {
  test('infers arguments and results from the descriptor', () => {
    const hello = command({ run: ['java', '-jar', 'hello.jar'], cwd: 'build', env: { LANG: 'C' }, args, returns })
    expect(hello).type.toBeCallableWith({ name: 'you', times: 2 })
    expect(hello).type.not.toBeCallableWith({ name: 'you', times: '2' })
    expect(hello({ name: 'you' })).type.toBeAssignableFrom<{ hello: string }>()
    expect(hello({ name: 'you' })).type.not.toBeAssignableFrom<{ hello: number }>()
  })

  test('needs a program, as an array', () => {
    expect(command).type.not.toBeCallableWith({})
    expect(command).type.not.toBeCallableWith({ run: 'java -jar hello.jar' })
    expect(command).type.not.toBeCallableWith({ run: ['java'], env: { PORT: 3000 } })
  })
})
