/**
 * Runs in a cell's place, without Node's permission model, and tries what native code in a cell would try. Reads lines
 * `[name, argument]` of JSON from descriptor 3, and answers each by a line with what came of it.
 */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { appendFileSync, existsSync, fstatSync, ftruncateSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { connect, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'

const channel = new Socket({ fd: 3 })

/** The error's code, or `done`. */
function tried (action: () => unknown): string {
  try {
    action()
    return 'done'
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf (error: unknown): string {
  const { code, message } = error as { code?: unknown, message: string }
  return typeof code === 'string' ? code : message
}

function each (names: readonly string[], action: (name: string) => unknown): Record<string, string> {
  return Object.fromEntries(names.map(name => [name, tried(() => action(name))]))
}

async function connected (options: { port: number, host: string } | { path: string }): Promise<string> {
  try {
    const socket = connect(options)
    await once(socket, 'connect')
    socket.destroy()
    return 'connected'
  } catch (error) {
    return codeOf(error)
  }
}

const held: unknown[] = []

const probes = {
  facts: () => ({
    uid: process.getuid!(),
    gid: process.getgid!(),
    groups: process.getgroups!(),
    environment: process.env,
    directory: process.cwd(),
    pid: process.pid,
    parent: process.ppid
  }),
  read: (paths: string[]) => each(paths, path => statSync(path).isDirectory() ? readdirSync(path) : readFileSync(path)),
  list: (path: string) => existsSync(path) ? readdirSync(path).sort() : [],
  write: (paths: string[]) => each(paths, path => writeFileSync(path, 'x')),
  fill: (path: string) => tried(() => { for (;;) appendFileSync(path, Buffer.alloc(64 * 1024)) }),
  /** Those of descriptors 0 to 299 that are more than Node's own pipes and events. */
  descriptors: () => {
    const open = Array.from({ length: 300 }, (_, descriptor) => descriptor).filter(descriptor => tried(() => fstatSync(descriptor)) === 'done')
    const of = (kind: 'isSocket' | 'isFile' | 'isDirectory' | 'isBlockDevice' | 'isFIFO') => open.filter(descriptor => fstatSync(descriptor)[kind]())
    return { sockets: of('isSocket'), files: of('isFile'), folders: of('isDirectory'), disks: of('isBlockDevice') }
  },
  grow: () => {
    const grown = tried(() => { for (let position = 0; position < 1_000_000;) position += writeSync(4, Buffer.alloc(1_000), 0, 1_000, position) })
    return [grown, tried(() => ftruncateSync(4, 1_000_000)), fstatSync(4).size]
  },
  mark: (text: string) => writeSync(4, text, 0),
  signal: (pids: number[]) => each(pids.map(String), pid => process.kill(Number(pid), 'SIGKILL')),
  /** The pids that something has. */
  sweep: (last: number) => Array.from({ length: last }, (_, index) => index + 1).filter(pid => tried(() => process.kill(pid, 0)) !== 'ESRCH'),
  become: () => [tried(() => process.setuid!(0)), tried(() => process.setgid!(0)), tried(() => process.setgroups!([0]))],
  connect: connected,
  interfaces: () => { try { return Object.keys(networkInterfaces()) } catch { return [] } },
  lookup: async (name: string) => await lookup(name).then(() => 'found', codeOf),
  datagram: async (port: number) => {
    try {
      const socket = createSocket('udp4')
      return await new Promise(resolve => {
        socket.on('error', error => resolve(codeOf(error)))
        socket.send('x', port, '127.0.0.1', error => resolve(error === null ? 'sent' : codeOf(error)))
      })
    } catch (error) {
      return codeOf(error)
    }
  },
  allocate: (bytes: number) => tried(() => held.push(new Uint8Array(bytes).fill(1))),
  release: () => held.splice(0).length,
  run: ([file, ...given]: [string, ...string[]]) => {
    const { error, status, signal, stdout, stderr } = spawnSync(file, given, { encoding: 'utf8', timeout: 20_000 })
    return { error: error === undefined ? undefined : codeOf(error), status, signal, stdout, stderr: stderr?.slice(0, 500) }
  },
  say: (text: string) => { process.stderr.write(text) },
  exit: (code: number) => { process.exit(code) },
  abort: () => { process.abort() },
  spin: () => { for (;;); }
}

for await (const line of createInterface({ input: channel })) {
  const [name, argument] = JSON.parse(line) as [keyof typeof probes, never]
  channel.write(`${JSON.stringify(await probes[name](argument) ?? null)}\n`)
}
