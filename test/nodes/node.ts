/**
 * A node, run as a child process: an app with the plugin, by the options that it gets by message. It tells where it
 * listens, or why it does not; it closes when it is told to (SIGTERM), or when its parent is gone.
 */
import Fastify from 'fastify'
import microservices, { type MicroservicesOptions } from '../../lib/index.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import type { Store } from '../../types/store.ts'

export interface NodeSpec {
  readonly options: MicroservicesOptions
  /** Its store is an object of the host's, which fails when it is told to. */
  readonly frail?: boolean
}

export type NodeReport = { readonly port: number } | { readonly code: string, readonly message: string }

/** What a node with a frail store is told. */
export interface Order { readonly away: boolean }

const app = Fastify({ logger: { level: process.env['LOG'] ?? 'silent', stream: process.stderr } })
let isAway = false

process.once('message', (spec: NodeSpec) => {
  process.on('message', ({ away }: Order) => {
    isAway = away
    process.send?.({ away })
  })
  start(spec).catch(({ code, message }: NodeJS.ErrnoException): NodeReport => ({ code: code ?? '', message })).then(report => process.send?.(report))
})
process.once('SIGTERM', () => process.disconnect?.())
process.once('disconnect', () => { app.close() })

async function start ({ options, frail = false }: NodeSpec): Promise<NodeReport> {
  const store = frail ? frailStore(new SqliteStore({ directory: options.DATA_DIR as string })) : undefined
  await app.register(microservices, { env: false, watch: false, ...options, ...store && { store } })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  return { port: Number(new URL(address).port) }
}

/** A user's own, which knows nothing of our errors. */
function frailStore (store: Store): Store {
  return new Proxy(store, {
    get (target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => isAway && name !== 'close' ? Promise.reject(new Error('the disk was pulled out')) : Reflect.apply(method, target, args)
    }
  })
}
