import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { ProgramRunner } from '../../lib/invoke/command.ts'
import type { PlatformError } from '../../lib/errors.ts'

interface Directories {
  testdir (files: Record<string, string>): string
  teardown (end: () => unknown): void
}
type Options = Partial<ConstructorParameters<typeof ProgramRunner>[0]>
interface Call { input?: string, env?: Record<string, string>, signal?: AbortSignal, cwd?: string }

/** A runner, a directory of its own, and what it logged. */
function build (t: Directories, options: Options = {}, files: Record<string, string> = {}) {
  const directory = t.testdir(files)
  const runner = new ProgramRunner({ path: process.env['PATH'], ...options })
  t.teardown(() => runner.close())
  const logged: Array<{ program: string, line: string }> = []
  const log = { warn: ({ program }: { program: string }, line: string) => { logged.push({ program, line }) } }
  const run = (command: string[], { input = '{}', env = {}, signal = new AbortController().signal, cwd = directory }: Call = {}) =>
    runner.run({ run: command, cwd, env }, input, { signal, log })
  const sh = (script: string, call?: Call) => run(['sh', '-c', script], call)
  const node = (script: string, call?: Call) => run([process.execPath, '-e', script], call)
  const has = (file: string) => existsSync(join(directory, file))
  const read = (file: string) => readFileSync(join(directory, file), 'utf8')
  return { directory, runner, run, sh, node, logged, has, read }
}

async function until (what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`20 s passed, and not yet: ${what}`)
    await delay(10)
  }
}

function isGone (pid: number): boolean {
  try {
    process.kill(pid, 0)
    // In a container whose first process reaps no orphans, the dead stay on the list, as zombies.
    return process.platform === 'linux' && / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}

/** Starts a background process in the program's group that outlives it, and writes its pid to a file, whole. */
const BACKGROUND = 'sleep 1000 & echo $! > pid.new; mv pid.new pid;'

t.test('gives args to stdin and takes the result from stdout', async t => {
  const { sh, node } = build(t)
  t.same(await sh('cat', { input: '{"name":"wörld"}' }), { name: 'wörld' })
  t.same(await sh('echo; echo " [1, null] "; echo'), [1, null], 'white space around it is allowed')
  t.equal(await node('process.stdout.write("\\ufeff\\"text\\"")'), 'text', 'a byte order mark, too')
  t.equal(await sh('exit 0'), undefined, 'nothing is no result')
  t.equal(await sh('echo'), undefined, 'white space is nothing')
})

t.test('a program need not read its input', async t => {
  const { sh } = build(t)
  t.equal(await sh('exec <&-; echo 1', { input: JSON.stringify('x'.repeat(5_000_000)) }), 1)
})

t.test('no shell sees the arguments', async t => {
  const { run } = build(t)
  t.equal(await run(['echo', '"$HOME;`id`"']), '$HOME;`id`')
})

t.test('the environment is PATH and its own', async t => {
  const path = process.env['PATH'] ?? ''
  const print = [process.execPath, '-p', 'JSON.stringify(process.env)']
  const environment = async ({ run }: ReturnType<typeof build>, env: Record<string, string>) => {
    const all = await run(print, { env }) as Record<string, string>
    // Node, macOS and tap add to whatever a child is given.
    return Object.fromEntries(Object.entries(all).filter(([name]) => !/^(NODE_V8_COVERAGE|__CF_\w+|NODE_OPTIONS|_TAPJS_\w+)$/.test(name)))
  }
  t.same(await environment(build(t), { GREETING: 'hello' }), { PATH: path, GREETING: 'hello' })
  t.same(await environment(build(t), { PATH: '/own' }), { PATH: '/own' })
  t.same(await environment(build(t, { path: undefined }), {}), {})
})

t.test('runs in cwd, and finds a program by a path from there', async t => {
  const { directory, run, sh } = build(t, {}, { here: '"found"' })
  t.equal(await sh('cat here'), 'found')
  await sh('printf "#!/bin/sh\\necho 7\\n" > program; chmod +x program')
  t.equal(await run(['./program']), 7)
  await t.rejects(run(['./here']), { code: 'FMS_ERR_CRASH', message: /here may not be run.*chmod \+x/ })
  await t.rejects(run(['./program'], { cwd: join(directory, 'absent') }), { code: 'FMS_ERR_CRASH', message: /cwd.*create .*absent/ })
  await t.rejects(run(['./program'], { cwd: join(directory, 'here') }), { code: 'FMS_ERR_CRASH', message: /cwd to be a directory/ })
})

t.test('says why a program did not start', async t => {
  const { run } = build(t, { path: '/nowhere' })
  await t.rejects(run(['no-such-program']), { code: 'FMS_ERR_CRASH', message: /no-such-program was not found; its PATH is \/nowhere/ })
  await t.rejects(run(['a\0b']), { code: 'FMS_ERR_CRASH', message: /was not started: .*null bytes/ })
  await t.rejects(run([]), { code: 'FMS_ERR_CRASH' })
})

t.test('a failing exit is a crash, with the last lines of stderr', async t => {
  const { sh } = build(t)
  const error = await sh('echo 1; for i in $(seq 30); do echo "line $i" >&2; done; exit 3').catch((error: unknown) => error) as PlatformError
  t.match(error, { code: 'FMS_ERR_CRASH', statusCode: 502 })
  t.match(error.message, /sh exited with code 3/)
  t.match(error.message, /line 21\n.*line 30$/s)
  t.notMatch(error.message, /line 20/)
  await t.rejects(sh('kill -s SEGV $$'), { code: 'FMS_ERR_CRASH', message: /sh was killed by SIGSEGV; its stderr was empty/ })
})

t.test('output that is no JSON is refused and quoted', async t => {
  const { sh, node } = build(t)
  const error = await sh('printf "%0200d" 0').catch((error: unknown) => error) as PlatformError
  t.match(error, { code: 'FMS_ERR_RESPONSE', statusCode: 502 })
  t.match(error.message, `200 bytes that begin with "${'0'.repeat(100)}"`)
  await t.rejects(sh('echo Hello; echo {}'), { code: 'FMS_ERR_RESPONSE', message: /"Hello\\n\{\}\\n"/ })
  await t.rejects(sh('echo {} {}'), { code: 'FMS_ERR_RESPONSE' }, 'a second value')
  await t.rejects(node('process.stdout.write(Buffer.from("22ff22", "hex"))'), { code: 'FMS_ERR_RESPONSE' }, 'not UTF-8')
})

t.test('output up to the cap is taken, beyond it the program is killed', async t => {
  const { sh, node, has, read } = build(t, { outputBytes: 100_000 })
  t.equal(await node(`process.stdout.write(JSON.stringify('x'.repeat(${100_000 - 2})))`), 'x'.repeat(99_998))
  await t.rejects(node(`process.stdout.write(JSON.stringify('x'.repeat(${100_000 - 1})))`), { code: 'FMS_ERR_RESPONSE' })
  await t.rejects(sh(BACKGROUND + 'exec yes'), { code: 'FMS_ERR_RESPONSE', message: /sh wrote more than 100000 bytes/ })
  t.ok(has('pid'))
  await until('the group is gone', () => isGone(Number(read('pid'))))
})

t.test('what was written before the exit is never lost, however late it is read', async t => {
  const { directory, runner, node, sh } = build(t, { outputBytes: 10_000_000 })
  const block = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  for (let round = 0; round < 3; round++) {
    t.equal((await node('process.stdout.write(JSON.stringify("x".repeat(3_000_000)))') as string).length, 3_000_000)
  }

  // Node reaps all children that have ended when it hears of one. So let the second write and end while the first one's
  // stderr is handled, whose end is already known: its exit then comes before its output.
  const second = sh('while [ ! -e go ]; do sleep 0.02; done; echo \'"written"\'')
  const log = { warn: () => { writeFileSync(join(directory, 'go'), ''); block(1_000) } }
  const first = runner.run({ run: ['sh', '-c', 'echo line >&2'], cwd: directory, env: {} }, '{}', { signal: new AbortController().signal, log })
  block(500)
  t.equal(await second, 'written')
  t.equal(await first, undefined)
})

t.test('stderr goes to the log by lines', async t => {
  const { node, logged } = build(t)
  // The two bytes of "é" come apart.
  await node(`
    const { stderr } = process
    stderr.write('one\\r\\n\\ntwo caf\\u00e9'.slice(0, -1))
    stderr.write(Buffer.from([0xc3]))
    setTimeout(() => { stderr.write(Buffer.from([0xa9, 0x0a])); stderr.write('last, without an end') }, 50)`)
  t.same(logged.map(({ line }) => line), ['one', 'two café', 'last, without an end'])
  t.equal(logged[0]?.program, process.execPath)
})

t.test('long lines and much stderr are cut, and the log says so', async t => {
  const { node, logged } = build(t)
  const error = await node(`
    const { writeSync } = require('node:fs')
    writeSync(2, 'y'.repeat(30000) + 'Z\\n')
    for (let i = 0; i < 100; i++) writeSync(2, 'x'.repeat(999) + '\\n')
    writeSync(2, 'the last line')
    process.exitCode = 1`).catch((error: unknown) => error) as PlatformError
  t.equal(logged[0]?.line, 'y'.repeat(2048) + '… (line cut)')
  t.match(logged.at(-1)?.line, /stderr cut: more than 65536/)
  t.equal(logged.filter(({ line }) => line.startsWith('xxx')).length, 63)
  t.match(error.message, /the last line$/, 'the crash still has the end of it')
})

t.test('at the time limit the call ends with the reason, and the whole group is killed', async t => {
  const { sh, has, read } = build(t)
  const limit = new AbortController()
  const reason = new Error('time is up')
  const result = sh(BACKGROUND + 'echo $$ > leader.new; mv leader.new leader; trap "" TERM INT HUP; while :; do sleep 1000; done', { signal: limit.signal })
  await until('the program runs', () => has('leader'))
  limit.abort(reason)
  t.equal(await result.catch(error => error), reason)
  await until('the program is gone', () => isGone(Number(read('leader'))))
  await until('its background process is gone', () => isGone(Number(read('pid'))))
})

t.test('an aborted call does not start', async t => {
  const { sh, has } = build(t)
  const reason = new Error('left')
  t.equal(await sh('touch started', { signal: AbortSignal.abort(reason) }).catch(error => error), reason)
  t.equal(await sh('echo 1'), 1)
  t.notOk(has('started'))
})

t.test('what a program leaves in the background is killed with its exit', async t => {
  const { sh, read } = build(t)
  const pid = await sh('sleep 1000 & echo $!') as number
  await until('it is gone', () => isGone(pid))
  await t.rejects(sh(BACKGROUND + 'exit 1'), { code: 'FMS_ERR_CRASH' })
  await until('after a crash, too', () => isGone(Number(read('pid'))))
})

t.test('a process that left the group and holds the pipes is not waited for', async t => {
  const { node } = build(t)
  const pid = await node(`
    const child = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'inherit' })
    child.unref()
    console.log(child.pid)`) as number
  t.teardown(() => process.kill(pid, 'SIGKILL'))
  t.notOk(isGone(pid))
})

t.test('the app may exit without closing the runner', async t => {
  const { directory, read } = build(t)
  const app = spawn(process.execPath, ['--input-type=module', '-e', `
    import { existsSync } from 'node:fs'
    import { ProgramRunner } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../lib/invoke/command.ts')).href)}
    const runner = new ProgramRunner({ path: process.env.PATH })
    runner.run({ run: ['sh', '-c', ${JSON.stringify(BACKGROUND + 'sleep 1000')}], cwd: '.', env: {} }, '{}', { signal: new AbortController().signal, log: { warn () {} } })
    setInterval(() => existsSync('pid') && process.exit(4), 10)`], { cwd: directory, stdio: 'inherit' })
  t.same(await once(app, 'exit'), [4, null])
  await until('the group is gone', () => isGone(Number(read('pid'))))
})

t.test('so many run at once, the others in the order in which they came', async t => {
  const { directory, sh, has, read } = build(t, { concurrency: 2 })
  const script = (name: string) => `ls | grep -c ended > ${name}.before; echo ${name} >> order; touch ${name}.started; ` +
    `while [ ! -e ${name}.go ]; do sleep 0.02; done; touch ${name}.ended; echo 1`
  const results = ['a', 'b', 'c', 'd', 'e'].map(name => sh(script(name)))
  await until('two run', () => has('a.started') && has('b.started'))
  for (const name of ['b', 'a', 'c', 'd', 'e', 'f']) {
    await until(`${name} runs`, () => has(`${name}.started`))
    if (name === 'c') results.push(sh(script('f')))
    writeFileSync(join(directory, `${name}.go`), '')
    await until(`${name} ended`, () => has(`${name}.ended`))
  }
  t.same(await Promise.all(results), [1, 1, 1, 1, 1, 1])
  t.same(read('order').trim().split('\n').slice(2), ['c', 'd', 'e', 'f'])
  const before = ['c', 'd', 'e', 'f'].map(name => Number(read(`${name}.before`)))
  t.ok(before.every((ended, index) => ended > index), `each began when another had ended: ${before.join(', ')}`)
})

t.test('beyond the waiting line calls are refused, and who gives up makes room', async t => {
  const { sh, has } = build(t, { concurrency: 1, waiting: 1 })
  const first = new AbortController()
  const second = new AbortController()
  const running = sh('touch started; sleep 1000', { signal: first.signal })
  const waiting = sh('touch never', { signal: second.signal })
  await t.rejects(sh('touch never'), { code: 'FMS_ERR_BUSY', statusCode: 429, headers: { 'retry-after': '1' }, message: /after 1 s/ })
  const left = new Error('the client left')
  second.abort(left)
  t.equal(await waiting.catch(error => error), left)
  const third = sh('echo 3')
  await t.rejects(sh('touch never'), { code: 'FMS_ERR_BUSY' })
  first.abort(new Error('time is up'))
  await t.rejects(running, { message: 'time is up' })
  t.equal(await third, 3)
  t.equal(await sh('echo 4'), 4, 'a place is free as soon as its call has ended')
  t.notOk(has('never'))
})

t.test('who is admitted, and at once aborted or closed, does not start', async t => {
  for (const what of ['aborted', 'closed']) {
    const { runner, sh, has } = build(t, { concurrency: 1 })
    const second = new AbortController()
    const first = sh('echo 1')
    const waiting = sh('touch never', { signal: second.signal })
    // The runner stops listening when the place has been handed on, but nothing has been started yet.
    second.signal.removeEventListener = () => {
      if (what === 'aborted') second.abort(new Error('aborted'))
      else runner.close().catch(t.threw)
    }
    t.equal(await first, 1)
    await t.rejects(waiting, what === 'aborted' ? { message: 'aborted' } : { code: 'FMS_ERR_UNAVAILABLE' })
    if (what === 'aborted') t.equal(await sh('echo 3'), 3, 'the place was given on')
    t.notOk(has('never'))
  }
})

t.test('programs that do not start free their places', async t => {
  const { run, sh } = build(t, { concurrency: 1 })
  await t.rejects(run(['no-such-program']), { code: 'FMS_ERR_CRASH' })
  await t.rejects(run(['a\0b']), { code: 'FMS_ERR_CRASH' })
  t.equal(await sh('echo 1'), 1)
})

t.test('close ends running and waiting calls, refuses new ones and leaves no process', async t => {
  const { runner, sh, has, read } = build(t, { concurrency: 1 })
  const listeners = process.listenerCount('exit')
  const running = sh(BACKGROUND + 'echo $$ > leader.new; mv leader.new leader; sleep 1000')
  const waiting = sh('touch never')
  const refused = Promise.all([
    t.rejects(running, { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503 }),
    t.rejects(waiting, { code: 'FMS_ERR_UNAVAILABLE' })
  ])
  await until('the program runs', () => has('leader'))
  t.equal(process.listenerCount('exit'), listeners + 1)
  await runner.close()
  t.ok(isGone(Number(read('leader'))), 'the program itself is gone by then')
  await until('its background process is gone', () => isGone(Number(read('pid'))))
  await refused
  await t.rejects(sh('touch never'), { code: 'FMS_ERR_UNAVAILABLE' })
  await runner.close()
  t.notOk(has('never'))
  t.equal(process.listenerCount('exit'), listeners, 'nothing stays behind on the process')
})
