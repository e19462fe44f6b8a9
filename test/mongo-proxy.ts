import { once } from 'node:events'
import { createServer, connect, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface MongoProxy {
  /** The server's, by way of the proxy. */
  readonly url: string
  /** Ends all connections, and takes no new ones. */
  cut (): void
  /** Keeps connections open, but lets nothing through: what a lost network looks like. */
  freeze (): void
  restore (): void
}

/** Stands between a client and a MongoDB server, to lose the database without stopping it. */
export async function mongoProxy (t: Pick<Test, 'teardown'>, serverUrl: string): Promise<MongoProxy> {
  const target = new URL(serverUrl)
  let state: 'open' | 'cut' | 'frozen' = 'open'
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    if (state === 'cut') { client.destroy(); return }
    const upstream = connect(Number(target.port || 27017), target.hostname)
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(socket)
      socket.on('data', chunk => { if (state === 'open') other.write(chunk) })
      socket.on('error', () => {})
      socket.on('close', () => { sockets.delete(socket); other.destroy() })
    }
  })
  const cut = (): void => {
    state = 'cut'
    for (const socket of sockets) socket.destroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })

  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${(server.address() as { port: number }).port}`
  return {
    url: url.href,
    cut,
    freeze: () => { state = 'frozen' },
    restore: () => {
      // What was swallowed never comes: such connections are of no use any more.
      if (state === 'frozen') cut()
      state = 'open'
    }
  }
}
