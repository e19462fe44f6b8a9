import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import { Gate, type GateOptions, type Presented, type Target } from '../../lib/http/gate.ts'
import { addJsonParser, ignoreEmptyBody } from '../../lib/http/parser.ts'
import { Once } from '../../lib/tokens/once.ts'
import { produce, type ProduceOptions } from '../../lib/tokens/produce.ts'
import { admin, keys, keyText, kid, owner } from './craft.ts'

export interface GatedOptions extends Partial<GateOptions> {
  fastify?: FastifyServerOptions
  target?: Partial<Target>
  /** Runs before the routes are made. */
  before?: (app: FastifyInstance) => unknown
}

/** A store of tokens in memory, for as many apps as share it. */
export function tokenStore () {
  const used = new Set<string>()
  return { used, consume: async (uses: ReadonlyArray<{ id: string }>) => uses.map(({ id }) => !used.has(id) && used.add(id) !== undefined) }
}

/** An app with a gate and nothing else: `/call` and `/manage`, with whatever comes after, say who came and with what. */
export function gatedApp (t: Test, { fastify, target, before, ...options }: GatedOptions = {}): FastifyInstance {
  const app = Fastify(fastify)
  t.teardown(() => app.close())
  const gate = new Gate({ tokens: 'required', sealed: 'off', ttlSecs: 60, publicUrl: undefined, key: kid => keys[kid], once: new Once(tokenStore()), ...options })
  const presented = new WeakMap<FastifyRequest, Presented>()
  addJsonParser(app)
  before?.(app)
  for (const need of ['call', 'manage'] as const) {
    app.route({
      method: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      exposeHeadRoute: false,
      url: `/${need}*`,
      onRequest: async request => {
        const token = gate.admit(request, { owner, admin, need, ...target })
        if (token !== undefined) presented.set(request, token)
        if (request.method !== 'GET' && request.method !== 'HEAD') await ignoreEmptyBody(request)
      },
      preParsing: (request, _reply, payload, done) => {
        const token = presented.get(request)
        done(null, token && gate.digest(token, payload as Readable))
      },
      preHandler: async request => {
        const token = presented.get(request)
        if (token !== undefined) await gate.consume(token)
      },
      handler: async request => ({ kid: presented.get(request)?.kid ?? null, body: request.body ?? null })
    })
  }
  return app
}

/** Where an app listens, as its clients know it. */
export async function listen (app: FastifyInstance): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** A token as clients make them; for the app of `inject()`, unless told. */
export function token (path: string, options: Partial<ProduceOptions> = {}): Promise<string> {
  const name = options.kid ?? kid
  return produce({ kid: name, key: keyText(name), method: 'GET', url: `http://localhost:80${path}`, ...options })
}

export function bearer (token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}

/** A request as it is on the wire, and the status of its answer: for what no client sends. */
export async function sendRaw (base: string, lines: readonly string[], body = ''): Promise<number> {
  const { hostname, port } = new URL(base)
  const socket = connect(Number(port), hostname)
  try {
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
    let answer = ''
    for await (const chunk of socket) {
      answer += String(chunk)
      if (answer.includes('\r\n')) break
    }
    return Number(answer.split(' ')[1])
  } finally {
    socket.destroy()
  }
}
