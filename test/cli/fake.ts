import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import { digestOf, verify } from '../../lib/tokens/verify.ts'

export const owner = '70dd81e5-961a-470e-9e88-63d828674757'
export const kid = `${owner}.first`
export const secret = randomBytes(32).toString('base64url')
/** For MICROSERVICES_KEY. */
export const key = `${kid} ${secret}`

/** What came, its token found good. */
export interface Asked { readonly method: string, readonly path: string, readonly query: URLSearchParams, readonly body: Buffer }

export interface Reply { readonly status?: number, readonly headers?: Record<string, string>, readonly body?: unknown }

interface FakeOptions {
  /** How far its clock is ahead, in seconds. */
  readonly ahead?: number
  /** Instead of reading the request: what an ill server does. */
  readonly takes?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** A server that is not ours, but checks tokens as ours does. Closed with the test. */
export async function fakeServer (t: Test, answer: (asked: Asked) => Reply, { ahead = 0, takes = () => false }: FakeOptions = {}) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    response.sendDate = false
    response.setHeader('date', new Date(Date.now() + ahead * 1000).toUTCString())
    if (takes(request, response)) return
    serve(request, ahead, answer, asked).catch((error: Error): Reply => ({ status: 401, body: { statusCode: 401, message: error.message } }))
      .then(({ status = 200, headers = {}, body = {} }) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body))
      })
      .catch(t.error)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/rest/services`, asked }
}

async function serve (request: IncomingMessage, ahead: number, answer: (asked: Asked) => Reply, asked: Asked[]): Promise<Reply> {
  const { method = '', url = '', headers: { authorization = '', host } } = request
  const [path = '', query = ''] = url.split('?')
  const body = await buffer(request)
  const found = { owner, kind: 'manage' as const, secret: Buffer.from(secret, 'base64url') }
  const { bod } = verify(authorization.replace(/^Bearer /, ''), {
    key: name => name === kid ? found : undefined, method, url: `http://${host}${path}`, now: Date.now() + ahead * 1000, manage: { query }
  })
  if (bod !== digestOf(body)) throw new Error('another body')
  const one = { method, path: path.replace('/rest/services', ''), query: new URLSearchParams(query), body }
  asked.push(one)
  return answer(one)
}

/** As our server answers where it knows no such endpoint. */
export const nowhere: Reply = { status: 404, body: { statusCode: 404, code: 'FMS_ERR_UNDEFINED', error: 'Not Found', message: 'x is undefined for GET.' } }
