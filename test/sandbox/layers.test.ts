import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { PlatformError } from '../../lib/errors.ts'
import { type Program, Wall } from '../../lib/sandbox/layers.ts'
import { probe } from '../../lib/sandbox/wall/probe.ts'
import { plain, soon, walls } from './walls.ts'

const root = join(import.meta.dirname, '..', '..')
const program = { nodeArguments: ['--no-node-snapshot', '--no-warnings'], spawns: false, scratchBytes: 0 }
const usable = walls.some(({ skip }) => skip === false)
const why = usable ? false : walls.map(({ skip }) => skip).join('; ')

t.test('each wall has all layers, seen from within', async t => {
  for (const { name, candidate, skip } of walls) {
    t.test(name, { skip }, async t => {
      const { layers, dataProblem } = await probe(candidate, import.meta.filename)
      t.strictSame(layers, { by: candidate.by, network: true, processes: true, files: true, user: true, data: true, environment: true })
      t.equal(dataProblem, undefined)
      t.ok(Object.isFrozen(layers))
    })
  }
})

// Its environment is not looked at: tap adds to that of every child that is not walled off.
t.test('a plain process has what it has', { skip: process.platform === 'linux' ? false : 'Linux only' }, async t => {
  const { layers } = await probe(plain, import.meta.filename)
  t.match(layers, { by: 'none', network: false, processes: false, files: false, user: false })
})

t.test('a wall that does not stand is refused with its words', async t => {
  const broken = { ...plain, find: plain.find.bind(plain), command: () => ({ file: process.execPath, arguments: ['--no-such-flag'], reports: false, input: undefined }) }
  await t.rejects(probe(broken, import.meta.filename), /--no-such-flag/)
  await t.rejects(probe({ ...broken, command: () => ({ ...broken.command(), file: '/no/such/program' }) }, import.meta.filename), /ENOENT/)
})

t.test('the best wall is found, once', { skip: why }, async t => {
  const wall = await Wall.detect({ weakened: false, production: true })
  t.equal(wall.warning, undefined)
  t.match(wall.layers, { network: true, processes: true, files: true, user: true, data: true, environment: true })
  t.equal(wall.layers.by, existsSync('/usr/bin/bwrap') ? 'bubblewrap' : 'util-linux')
  const start = performance.now()
  await Wall.detect({ weakened: true, production: false })
  t.ok(performance.now() - start < 20, 'the second time takes none')
})

t.test('where the system denies namespaces', { skip: why }, async t => {
  const detect = (options: object) => {
    const script = `
      import { Wall } from ${JSON.stringify(join(root, 'lib', 'sandbox', 'layers.ts'))}
      const wall = await Wall.detect(${JSON.stringify(options)}).catch(error => ({ code: error.code, message: error.message }))
      console.log(JSON.stringify(wall))`
    // A namespace in which no further ones may be made.
    const { stdout, stderr } = spawnSync('/usr/bin/unshare', [
      '--user', '--map-root-user', '--', '/bin/sh', '-c', 'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all "$@"', 'sh',
      process.execPath, '--no-warnings', '--input-type=module', '--eval', script
    ], { encoding: 'utf8' })
    t.equal(stderr, '')
    return JSON.parse(stdout) as { layers: object, warning: string } & PlatformError
  }

  t.test('production refuses to start, and says what is missing, why, and what to do', async t => {
    const { code, message } = detect({ weakened: false, production: true })
    t.equal(code, 'FMS_ERR_LAYERS')
    t.match(message, /missing: network, processes, files/)
    t.match(message, /unshare.*: unshare: /)
    t.match(message, /bubblewrap.*sysctl.*examples\/seccomp\.json.*sandbox\.weakened/)
  })

  for (const options of [{ weakened: true, production: true }, { weakened: false, production: false }]) {
    t.test(`${JSON.stringify(options)} warns`, async t => {
      const { layers, warning } = detect(options)
      t.match(layers, { by: 'none', network: false, processes: false, files: false })
      t.match(warning, /not walled off.*missing: network, processes, files/s)
    })
  }
})

t.test('a cell can do its work', { skip: why }, async t => {
  const require = createRequire(import.meta.url)
  const isolatedVm = dirname(require.resolve('isolated-vm/package.json'))
  const loader = dirname(createRequire(join(isolatedVm, 'package.json')).resolve('node-gyp-build/package.json'))
  const wall = await Wall.detect({ weakened: false, production: false })
  /** What a program writes to its socket. */
  const run = async (source: string, { readable = [], ...changes }: Partial<Program> = {}, directory = t.testdir({ 'cell.cjs': channel(source) })) => {
    const child = await wall.start({ ...program, entry: join(directory, 'cell.cjs'), readable: [isolatedVm, loader, ...readable], ...changes })
    try {
      const [data] = await soon(Promise.race([
        once(child.socket, 'data'),
        child.exited.then(exit => { throw new Error(`${JSON.stringify(exit)} ${child.lastWords()}`) })
      ]), 'what it writes')
      return String(data)
    } finally {
      child.kill()
      await soon(child.exited, 'its end')
    }
  }

  t.test('isolates run', async t => {
    const source = `const ivm = require(${JSON.stringify(isolatedVm)})
      channel.end(String(new ivm.Isolate({ memoryLimit: 16 }).createContextSync().evalSync('20 + 22', { timeout: 1000 })))`
    t.equal(await run(source), '42')
  })

  t.test('Node itself says no first', async t => {
    const source = 'try { require(\'node:child_process\').spawnSync(\'/bin/true\') } catch (error) { channel.end(error.code) }'
    t.equal(await run(source), 'ERR_ACCESS_DENIED')
  })

  t.test('a program that may start others does, and has scratch space', async t => {
    const esbuild = createRequire(require.resolve('esbuild')).resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`)
    const source = `const { writeFileSync } = require('node:fs')
      writeFileSync('/tmp/a.ts', 'export const a: number = 1')
      const { error, stdout, stderr } = require('node:child_process').spawnSync(${JSON.stringify(esbuild)}, ['--bundle', '--format=cjs', '/tmp/a.ts'], { encoding: 'utf8' })
      channel.end(error?.message ?? stdout + stderr)`
    t.match(await run(source, { readable: [esbuild], spawns: true, scratchBytes: 1024 * 1024 }), /var a = 1;/)
  })

  t.test('links are followed when it starts', async t => {
    const directory = t.testdir({ 'cell.cjs': channel('channel.end(require("node:fs").readFileSync(__dirname + "/link/a.txt", "utf8"))'), real: { 'a.txt': 'a' } })
    symlinkSync('real', join(directory, 'link'))
    t.equal(await run('', { readable: [join(directory, 'link')] }, directory), 'a')
  })
})

t.test('the profile for containers lets walls be built', async t => {
  const profile = JSON.parse(readFileSync(join(root, 'examples', 'seccomp.json'), 'utf8')) as {
    defaultAction: string, syscalls: ReadonlyArray<{ names: readonly string[], action: string }>
  }
  t.equal(profile.defaultAction, 'SCMP_ACT_ALLOW')
  const refused = profile.syscalls.filter(({ action }) => action !== 'SCMP_ACT_ALLOW').flatMap(({ names }) => names)
  t.strictSame(refused, [...new Set(refused)].sort(), 'each once, in order')
  // What bubblewrap and util-linux ask for.
  const needed = ['clone', 'clone3', 'unshare', 'mount', 'umount2', 'fsopen', 'move_mount', 'mount_setattr', 'pivot_root', 'chroot', 'setns', 'sethostname', 'prctl', 'seccomp', 'capset', 'setgroups']
  t.strictSame(needed.filter(name => refused.includes(name)), [])
})

function channel (source: string): string {
  return `const channel = new (require('node:net').Socket)({ fd: 3 })\n${source}\nsetInterval(() => {}, 1000)\n`
}
