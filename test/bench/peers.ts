import { createServer } from 'node:net'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { withClient, rawRequest } from './load.ts'
import { type Program, withProgram } from './processes.ts'
import { withBare, withFolders, withSandbox } from './sandbox-child.ts'
import { compare, type Extent, expectAlike, type Figures, type Target } from './sandbox-load.ts'
import { type GuestScenario, guestPath, guestScenarios, tenantId, writeGuest } from './sandbox-scenarios.ts'

export const peerNames = ['workerd', 'functions-framework', 'secure-exec'] as const

export type PeerName = (typeof peerNames)[number]

const directory = join(import.meta.dirname, 'peers')
const START_WITHIN_MS = 30_000
const LOOK_AGAIN_MS = 50

/** Whether the peers are installed, which `npm ci` in their folder does. */
export function hasPeers (): boolean {
  return existsSync(join(directory, 'node_modules'))
}

export type Compared = Record<'ours' | 'bare' | PeerName, Figures[]>

/** Measures ours, bare Fastify and the peers with the same function, by turns. */
export async function measurePeers (scenario: 'greet' | 'echo', connections: number, extent: Extent): Promise<Compared> {
  const { query, payload, source }: GuestScenario = guestScenarios[scenario]
  const path = guestPath(tenantId(0), scenario) + query
  const target = ({ pid, port }: { pid: number, port: number }): Target => ({ pid, port, requests: [rawRequest(path, payload)] })
  return withFolders(async folders => {
    await writeGuest(folders.tenants, tenantId(0), 'main', source)
    return withClient(client => withBare(1, bare => withSandbox(folders, {}, ours =>
      withPeer('workerd', workerd => withPeer('functions-framework', framework => withPeer('secure-exec', async secureExec => {
        const targets = {
          ours: target(ours),
          bare: target(bare),
          workerd: target(workerd),
          'functions-framework': target(framework),
          'secure-exec': target(secureExec)
        }
        await expectAlike(Object.values(targets).map(({ port }) => `http://127.0.0.1:${port}${path}`), payload)
        return compare(client, targets, connections, extent)
      })))
    )))
  })
}

interface Peer { readonly pid: number, readonly port: number }

async function withPeer<T> (name: PeerName, use: (peer: Peer) => Promise<T>): Promise<T> {
  const port = await freePort()
  const spec = name === 'workerd'
    ? { command: await workerdProgram(), args: ['serve', join(directory, 'workerd.capnp'), `--socket-addr=http=127.0.0.1:${port}`] }
    : { command: process.execPath, args: [join(directory, `${name}.js`), String(port)] }
  return withProgram(spec, async program => {
    await untilItAnswers(program, port)
    return use({ pid: program.pid, port })
  })
}

/** The program itself: npm's link to it is a script, whose Node would be measured too. */
async function workerdProgram (): Promise<string> {
  const { default: path } = await import(join(directory, 'node_modules/workerd/lib/main.js')) as { default: { default: string } }
  return path.default
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function untilItAnswers ({ ended }: Program, port: number): Promise<void> {
  const deadline = AbortSignal.timeout(START_WITHIN_MS)
  while (true) {
    const status = await Promise.race([fetch(`http://127.0.0.1:${port}/?name=x`, { signal: deadline }).then(({ status }) => status, () => 0), ended])
    if (status === 200) return
    deadline.throwIfAborted()
    await setTimeout(LOOK_AGAIN_MS)
  }
}
