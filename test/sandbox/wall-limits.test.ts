// What walls hold beside files, processes and network: memory, threads, and what a program may ask of the kernel.
import { existsSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import t from 'tap'
import { librariesOf } from '../../lib/sandbox/wall/libraries.ts'
import { PERL, plain, Prober, until, walls } from './walls.ts'

const MB = 1024 * 1024

/** Numbers on x64 and arm64, arguments as Perl takes them, and what comes of it under the filter. */
const CALLS: ReadonlyArray<readonly [name: string, x64: number, arm64: number, given: string, outcome: string]> = [
  ['getpid', 39, 172, '', 'done'],
  ['a socket to the hypervisor, which no network namespace holds', 41, 198, '40, 1, 0', 'EPERM'],
  ['a raw socket', 41, 198, '2, 3, 255', 'EPERM'],
  ['ptrace', 101, 117, '0, 0, 0, 0', 'EPERM'],
  ['unshare of a user namespace', 272, 97, '0x10000000', 'EPERM'],
  ['clone of a user namespace', 56, 220, '0x10000011, 0, 0, 0, 0', 'EPERM'],
  ['clone3', 435, 435, '0, 0', 'ENOSYS'],
  ['mount', 165, 40, '$text, $text, $text, 0, 0', 'EPERM'],
  ['outliving the parent', 157, 167, '1, 0, 0, 0, 0', 'EPERM'],
  ['keyctl', 250, 219, '0, 0, 0', 'EPERM'],
  ['bpf', 321, 280, '0, 0, 0', 'EPERM'],
  ['io_uring_setup', 425, 425, '1, 0', 'ENOSYS'],
  ['memfd_create', 319, 279, '$text, 0', 'EPERM'],
  ['shared memory that no limit counts', 9, 222, '0, 4096, 3, 0x21, -1, 0', 'EPERM'],
  ['asking for a limit', 302, 261, '0, 2, 0, $room', 'done'],
  ['another limit', 302, 261, '0, 2, $room, 0', 'EPERM'],
  ['a call that is not known yet', 463, 463, '', 'ENOSYS']
]

for (const { name, candidate, skip } of walls) {
  t.test(name, { skip }, async t => {
    t.test('refuses memory beyond the limit, which may be changed', async t => {
      const prober = await Prober.start(t, candidate)
      await prober.try('facts')
      await prober.child.limitData(64 * MB)
      t.match(await prober.try('allocate', 1024 * MB), /allocation failed/, 'at once')
      t.equal(await prober.try('allocate', 16 * MB), 'done')
      await prober.child.limitData(512 * MB)
      t.equal(await prober.try('allocate', 256 * MB), 'done')
      t.ok(prober.child.residentBytes() > 256 * MB)
      await prober.child.limitData(384 * MB)
      t.match(await prober.try('allocate', 256 * MB), /allocation failed/)
    })

    t.test('sets limits of the system', async t => {
      const prober = await Prober.start(t, candidate)
      const limits = readFileSync(`/proc/${prober.child.pid}/limits`, 'utf8')
      t.match(limits, /^Max core file size +0 +0 /m)
      t.match(limits, /^Max open files +64 +64 /m)
      t.match(limits, /^Max file size +16 +16 /m)
      // Without a user namespace of its own, the count would be that of everything that nobody runs.
      if (!name.includes('then nobody')) t.match(limits, /^Max processes +64 +64 /m)
    })

    t.test('gives scratch space where it is wanted, and no more than that', async t => {
      const prober = await Prober.start(t, candidate, { scratchBytes: 4 * MB })
      t.strictSame(await prober.try('write', ['/tmp/x', '/x']), { '/tmp/x': 'done', '/x': 'EROFS' })
      t.match(await prober.try('fill', '/tmp/full'), /^(ENOSPC|EFBIG)$/)
      t.equal(await prober.try('fill', '/tmp/more'), 'ENOSPC')
    })

    t.test('lowers the priority', async t => {
      const prober = await Prober.start(t, candidate)
      prober.child.lowerPriority()
      await until('it is nice', () => getPriority(prober.child.pid) === 10)
      t.ok(await prober.try('facts'))
    })

    t.test('filters system calls, where it can', { skip: candidate.by === 'bubblewrap' ? false : 'util-linux has no filter' }, async t => {
      t.test('starts no process unless the program is one that does', async t => {
        const prober = await Prober.start(t, candidate, { filtered: true })
        t.equal((await prober.try('run', [process.execPath, '--version'])).error, 'EPERM')
        t.strictSame(await prober.try('sweep', 1_000), (await prober.try('sweep', 40)))
      })

      t.test('makes no socket of any kind', async t => {
        const prober = await Prober.start(t, candidate, { filtered: true })
        t.match(await prober.try('connect', { port: 1, host: '127.0.0.1' }), /^E(PERM|ACCES)$/)
        t.match(await prober.try('connect', { path: '/x' }), /^E(PERM|ACCES)$/)
        t.match(await prober.try('datagram', 1), /^E(PERM|ACCES)$/)
        t.strictSame(await prober.try('interfaces'), [])
      })

      t.test('refuses what only attacks ask for', { skip: existsSync(PERL) ? false : `${PERL} is not installed` }, async t => {
        const readable = [PERL, ...(await librariesOf(PERL)).map(({ target }) => target)]
        const prober = await Prober.start(t, candidate, { filtered: true, spawns: true, readable })
        for (const [name, x64, arm64, given, outcome] of CALLS) {
          const number = process.arch === 'arm64' ? arm64 : x64
          const script = `my $text = "x"; my $room = "\\0" x 16; my $r = syscall(${[number, given].filter(part => part !== '').join(', ')}); ` +
            'print $r != -1 ? "done" : $!{EPERM} ? "EPERM" : $!{ENOSYS} ? "ENOSYS" : "$!"'
          // %! is a module, which Perl would have to read: its numbers are the same on all Linux.
          const plainScript = script.replace('$!{EPERM}', '$! == 1').replace('$!{ENOSYS}', '$! == 38')
          const { stdout, stderr } = await prober.try('run', [PERL, '-e', plainScript])
          t.equal(stdout, outcome, `${name} ${stderr}`)
        }
      })
    })
  })
}

t.test('without a wall', { skip: process.platform === 'linux' ? false : 'limits are Linux only' }, async t => {
  t.test('memory is still limited, and rights cannot be gained', async t => {
    const prober = await Prober.start(t, plain)
    await prober.try('facts')
    await prober.child.limitData(64 * MB)
    t.match(await prober.try('allocate', 1024 * MB), /allocation failed/)
    t.match(readFileSync(`/proc/${prober.child.pid}/status`, 'utf8'), /^NoNewPrivs:\s*1$/m)
  })
})
