// How children behind walls start, end, and end with their host.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { Child } from '../../lib/sandbox/wall/child.ts'
import { prepare } from '../../lib/sandbox/wall/program.ts'
import { isGone, plain, Prober, proberProgram, soon, statusOf, until, walls } from './walls.ts'

const isLinux = process.platform === 'linux'
const all = [...walls, { name: 'no wall', candidate: plain, skip: false as string | false }]

for (const [index, { name, candidate, skip }] of all.entries()) {
  t.test(name, { skip }, async t => {
    t.test('tells how a child ended, and its last words', async t => {
      const prober = await Prober.start(t, candidate)
      await prober.try('say', `${'x'.repeat(10_000)}\nthe last words`)
      prober.send('exit', 7)
      t.strictSame(await soon(prober.child.exited, 'its end'), { code: 7, signal: null })
      // tap may have something to add where nothing walls the child off from it.
      t.match(prober.child.lastWords(), /^x+\nthe last words/)
      t.ok(prober.child.lastWords().length <= 4_096)
      t.equal(prober.child.residentBytes(), 0)
      prober.child.kill()
    })

    t.test('ends a child that aborts', async t => {
      const prober = await Prober.start(t, candidate)
      prober.send('abort')
      const { signal } = await soon(prober.child.exited, 'its end')
      // The first process of a namespace cannot be sent SIGABRT from within, and the C library then ends it otherwise.
      t.match(signal, /^SIG(ABRT|SEGV|TRAP|ILL)$/)
    })

    t.test('kills a child that never listens, at once and as often as one likes', async t => {
      const prober = await Prober.start(t, candidate)
      const { pid } = prober.child
      await prober.try('mark', '0123456789abcdef')
      prober.send('spin')
      prober.child.kill()
      prober.child.kill()
      t.strictSame(await soon(prober.child.exited, 'its end'), { code: null, signal: 'SIGKILL' })
      prober.child.kill()
      prober.child.lowerPriority()
      if (isLinux) await until('it is gone', () => isGone(pid))
      t.equal(prober.child.mark().toString(), '0123456789abcdef', 'its mark can still be read')
      await t.rejects(prober.child.limitData(1), 'there is nothing left to limit')
    })

    t.test('kills what the child started', { skip: isLinux ? false : '/proc is Linux only' }, async t => {
      const before = new Set(readdirSync('/proc'))
      const prober = await Prober.start(t, candidate, { spawns: true })
      prober.send('run', [process.execPath, '-e', 'setInterval(() => {}, 1000)'])
      const own = () => readdirSync('/proc').filter(entry => /^\d+$/.test(entry) && !before.has(entry)).map(Number)
        .filter(pid => ancestors(pid).includes(prober.child.pid))
      await until('it started a process', () => own().length > 0)
      const started = own()
      prober.child.kill()
      await soon(prober.child.exited, 'its end')
      await until('that is gone as well', () => started.every(isGone))
      t.pass()
    })

    t.test('says why a child does not start', async t => {
      const program = { ...prepare({ ...proberProgram, nodeArguments: ['--no-such-flag'] }, false) }
      const child = await Child.start(candidate, program).catch((error: Error) => error)
      if (child instanceof Error) t.match(child.message, /--no-such-flag/)
      else {
        t.strictSame(await soon(child.exited, 'its end'), { code: 9, signal: null })
        t.match(child.lastWords(), /--no-such-flag/)
      }
    })

    t.test('starts many at once, and leaves nothing behind', { skip: isLinux ? false : '/proc is Linux only' }, async t => {
      const descriptors = () => readdirSync('/proc/self/fd').length
      const first = await Child.start(candidate, prepare(proberProgram, false))
      first.kill()
      await soon(first.exited, 'its end')
      const before = descriptors()
      const children = await soon(Promise.all(Array.from({ length: 6 }, () => Child.start(candidate, prepare(proberProgram, true)))), 'the start')
      t.equal(new Set(children.map(({ pid }) => pid)).size, 6)
      for (const child of children) child.kill()
      await soon(Promise.all(children.map(({ exited }) => exited)), 'their end')
      for (const child of children) child.socket.destroy()
      await until('all descriptors are closed', () => descriptors() <= before)
      t.pass()
    })

    t.test('ends with its host, however that ends, and gets nothing that the host was given', { skip: isLinux ? false : 'Linux only' }, async t => {
      const folder = openSync('/', 'r')
      const nothing = Array.from({ length: 40 }, () => 'ignore' as const)
      const host = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'wall-host.ts'), String(index)], {
        stdio: ['ignore', 'pipe', 'inherit', ...nothing, folder]
      })
      closeSync(folder)
      t.teardown(() => host.kill('SIGKILL'))
      const lines = createInterface({ input: host.stdout! })[Symbol.asyncIterator]()
      const { pid, descriptors } = JSON.parse(String((await soon(lines.next(), 'the pid')).value))
      t.strictSame(descriptors, { sockets: [2, 3], files: [4], folders: [], disks: [] })
      t.ok(statusOf(pid)['Name'])
      host.kill('SIGKILL')
      await soon(once(host, 'exit'), 'the end of the host')
      await until('the child is gone', () => isGone(pid))
      t.pass()
    })
  })
}

t.test('a program that is not there', async t => {
  t.throws(() => prepare({ ...proberProgram, entry: '/no/such/file' }, true), { code: 'ENOENT' })
  t.throws(() => prepare({ ...proberProgram, readable: ['/no/such/folder'] }, true), { code: 'ENOENT' })
})

function ancestors (pid: number): number[] {
  try {
    const parent = Number(statusOf(pid)['PPid'])
    return parent > 1 ? [parent, ...ancestors(parent)] : []
  } catch {
    return []
  }
}
