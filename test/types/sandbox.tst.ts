import { endpoint } from 'fastify-microservices'
import { describe, expect, test } from 'tstyche'
import type * as Web from '../../types/web.ts'

// Here the types of Node are loaded, so the globals are Node's: test/sandbox/types.test.ts looks at those of tenants alone.

describe('what is written for isolates', () => {
  test('works with the types of Node, whose globals are more than those', () => {
    expect<Web.OwnAbortController>().type.toBeAssignableFrom<AbortController>()
    expect<Web.OwnConsole>().type.toBeAssignableFrom<Console>()
    expect<Web.OwnDOMException>().type.toBeAssignableFrom<DOMException>()
    expect<Web.OwnPerformance>().type.toBeAssignableFrom<typeof performance>()
    expect<Web.OwnURL>().type.toBeAssignableFrom<URL>()
    expect<Web.URLClass>().type.toBeAssignableFrom<typeof URL>()
  })

  test('leaves the globals of Node as they are', () => {
    expect<ReturnType<typeof setTimeout>>().type.toBe<NodeJS.Timeout>()
    expect(new Response('a').body).type.not.toBe<null | undefined>()
    expect(setTimeout(() => {}, 1)).type.toBe<NodeJS.Timeout>()
  })
})

describe('a body in an isolate', () => {
  test('is no stream', () => {
    expect<Web.OwnResponse['body']>().type.toBe<null | undefined>()
    expect<Web.OwnRequest['body']>().type.toBe<null | undefined>()
  })

  test('is read by methods', () => {
    expect<Web.OwnResponse>().type.toHaveProperty('bytes')
    expect<Web.OwnResponse>().type.not.toHaveProperty('formData')
    expect<Awaited<ReturnType<Web.OwnResponse['json']>>>().type.toBe<unknown>()
  })
})

test('an endpoint may answer with a Response in both worlds', () => {
  expect(endpoint).type.toBeCallableWith({}, () => Response.json({ a: 1 }, { status: 201 }))
})
