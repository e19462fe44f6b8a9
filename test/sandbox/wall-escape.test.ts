// What native code in a cell could do, with neither Node's permission model nor the filter of system calls in its way:
// each wall holds by its namespaces alone.
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { nodePath } from '../../lib/sandbox/wall/program.ts'
import { Prober, statusOf, walls } from './walls.ts'

const root = join(import.meta.dirname, '..', '..')

for (const { name, candidate, skip } of walls) {
  t.test(name, { skip }, async t => {
    t.test('hides all files but Node, its libraries and what the program may read', async t => {
      const directory = t.testdir({ plugins: { 'hello.ts': 'secret' }, mine: { 'a.txt': 'a' } })
      const prober = await Prober.start(t, candidate, { readable: [join(directory, 'mine')] })
      const hidden = [
        '/etc/passwd', '/etc/shadow', '/etc/hosts', '/etc', '/root', '/home', '/var', '/run', '/sys', '/boot', '/tmp', '/usr/share', '/bin/sh', '/usr/bin/env',
        '/dev/shm', '/dev/pts', '/dev/mem', '/proc', '/proc/self/status', `/proc/${process.pid}/environ`, '/proc/1/root/etc/passwd',
        join(root, 'package.json'), join(root, 'lib', 'index.ts'), join(root, '.git'), join(root, '.env.example'), join(directory, 'plugins')
        // Folders on the way to what it may read are there, with nothing else in them: the checkout may lie below any.
      ].filter(path => ![directory, import.meta.dirname, nodePath].some(readable => readable.startsWith(`${path}/`)))
      t.strictSame(await prober.try('read', hidden), Object.fromEntries(hidden.map(path => [path, 'ENOENT'])))
      const mine = join(directory, 'mine', 'a.txt')
      t.strictSame(await prober.try('read', [mine, nodePath]), { [mine]: 'done', [nodePath]: 'done' })
      const above = [nodePath, import.meta.dirname, directory].map(path => path.split('/')[1]!)
      const extra = (await prober.try('list', '/')).filter((name: string) => !['dev', 'lib', 'lib64', 'usr', ...above].includes(name))
      t.strictSame(extra, [], 'the root holds nothing else')
      t.strictSame(await prober.try('list', '/dev'), ['null', 'urandom'])
      t.strictSame(await prober.try('list', import.meta.dirname), ['prober.ts'])
    })

    t.test('shows a program that lies in /tmp', async t => {
      const directory = mkdtempSync(join(tmpdir(), 'wall-'))
      t.teardown(() => rmSync(directory, { recursive: true }))
      chmodSync(directory, 0o755)
      cpSync(join(import.meta.dirname, 'prober.ts'), join(directory, 'prober.ts'))
      const prober = await Prober.start(t, candidate, { entry: join(directory, 'prober.ts'), scratchBytes: 65_536 })
      t.strictSame(await prober.try('list', directory), ['prober.ts'])
    })

    t.test('lets nothing be written but the mark, which does not grow', async t => {
      const directory = t.testdir({ mine: { 'a.txt': 'a' } })
      const mine = join(directory, 'mine', 'a.txt')
      const prober = await Prober.start(t, candidate, { readable: [mine] })
      const paths = ['/x', '/tmp/x', '/dev/x', '/dev/shm/x', '/usr/x', '/lib/x', join(root, 'x'), mine, nodePath, join(import.meta.dirname, 'prober.ts')]
      for (const [path, outcome] of Object.entries(await prober.try('write', paths))) {
        t.ok(['EROFS', 'ENOENT', 'EACCES', 'ETXTBSY'].includes(outcome as string), `${path}: ${outcome}`)
      }
      t.equal(readFileSync(mine, 'utf8'), 'a')
      await prober.try('mark', '0123456789abcdef')
      t.equal(prober.child.mark().toString(), '0123456789abcdef')
      t.strictSame(await prober.try('grow'), ['EFBIG', 'EFBIG', 16])
      t.equal(prober.child.mark().length, 16)
    })

    t.test('hands over no descriptor but stderr, the socket and the mark', async t => {
      const prober = await Prober.start(t, candidate, { readable: [] })
      t.strictSame(await prober.try('descriptors'), { sockets: [2, 3], files: [4], folders: [], disks: [] })
    })

    t.test('has no environment', async t => {
      const prober = await Prober.start(t, candidate)
      const { environment, directory } = await prober.try('facts')
      const { PWD, ...others } = environment
      t.strictSame(others, {})
      t.ok(PWD === undefined || PWD === '/', 'bubblewrap always says where it is')
      t.equal(directory, '/')
    })

    t.test('is nobody, without rights or a way to get them', async t => {
      const prober = await Prober.start(t, candidate)
      const { uid, gid } = await prober.try('facts')
      t.strictSame([uid, gid], [65534, 65534])
      for (const outcome of await prober.try('become')) t.match(outcome, /^(EPERM|EINVAL)$/)
      const status = statusOf(prober.child.pid)
      const own = process.geteuid!() === 0 ? '65534' : String(process.geteuid!())
      t.strictSame(status['Uid']!.split(/\s+/), Array(4).fill(own), 'not even root outside')
      t.match(status, { CapInh: /^0+$/, CapPrm: /^0+$/, CapEff: /^0+$/, CapAmb: /^0+$/, NoNewPrivs: '1' })
    })

    t.test('sees no other process, and reaches none', async t => {
      const sleeper = spawn('sleep', ['1000'], { stdio: 'ignore' })
      t.teardown(() => sleeper.kill('SIGKILL'))
      const other = await Prober.start(t, candidate)
      const prober = await Prober.start(t, candidate)
      const pids = [process.pid, process.ppid, sleeper.pid!, other.child.pid, prober.child.pid]
      // A pid that is also one in there is its own.
      const seen: number[] = await prober.try('sweep', Math.max(...pids) + 1_000)
      const { pid, parent } = await prober.try('facts')
      t.ok(seen.length < 40, `its own threads: ${seen}`)
      t.ok(seen.every(id => id === parent || (id >= pid && id < pid + 60)), 'and the first of its namespace')
      const foreign = pids.filter(id => !seen.includes(id))
      t.strictSame(await prober.try('signal', foreign), Object.fromEntries(foreign.map(id => [id, 'ESRCH'])))
      t.equal(sleeper.exitCode ?? sleeper.signalCode, null)
      t.ok(await other.try('facts'), 'another child lives')
    })

    t.test('reaches no server: of the host, by name, by path or in the abstract', async t => {
      // Paths of sockets are short.
      const directory = mkdtempSync(join(tmpdir(), 'wall-'))
      t.teardown(() => rmSync(directory, { recursive: true }))
      let connections = 0
      const listen = async (where: object) => {
        const server = createServer(socket => { connections++; socket.destroy() }).listen(where)
        t.teardown(() => server.close())
        await once(server, 'listening')
        return server.address() as AddressInfo
      }
      const path = join(directory, 's')
      const abstract = `\0fastify-microservices-${process.pid}`
      const { port } = await listen({ port: 0, host: '0.0.0.0' })
      await listen({ path })
      await listen({ path: abstract })
      const datagrams = createSocket('udp4').on('message', () => { connections++ })
      datagrams.bind(0, '127.0.0.1')
      t.teardown(() => datagrams.close())
      await once(datagrams, 'listening')

      const prober = await Prober.start(t, candidate, { readable: [] })
      t.match(await prober.try('connect', { port, host: '127.0.0.1' }), /^E/)
      t.match(await prober.try('connect', { port: 80, host: '169.254.169.254' }), /^(ENETUNREACH|EPERM|EACCES)$/)
      t.match(await prober.try('connect', { port: 80, host: '192.0.2.1' }), /^(ENETUNREACH|EPERM|EACCES)$/)
      t.match(await prober.try('connect', { path }), /^ENOENT$/)
      t.match(await prober.try('connect', { path: abstract }), /^ECONNREFUSED$/)
      t.match(await prober.try('lookup', 'localhost'), /^E/)
      t.match(await prober.try('lookup', hostname()), /^E/)
      await prober.try('datagram', datagrams.address().port)
      t.strictSame((await prober.try('interfaces')).filter((name: string) => name !== 'lo'), [], 'at most a loopback of its own')
      t.equal(connections, 0)
    })
  })
}
