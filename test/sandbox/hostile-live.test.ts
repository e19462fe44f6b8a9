import t, { type Test } from 'tap'
import { HostileApp, ownerOf, quiet, type Answer } from './hostile-harness.ts'

const program = { attackClass: 'reload', name: 'live', tenant: { limits: { turnMs: 200, memoryMb: 32, timeoutSecs: 3 } } }
const owner = ownerOf(program)
const file = 'live.ts'

const moduleOf = (version: number, body = ''): string =>
  `import { endpoint } from 'fastify-microservices'\n${body}\nexport const version = endpoint({ method: 'GET|POST' }, async () => { await null; return ${version} })\n` +
  `export const attack = endpoint({}, () => { for (;;); })\nexport const late = endpoint({}, () => { setInterval(() => { for (;;); }, 1); return ${version} })\n`

/** Runs with an app whose quiet tenant is called all along. */
async function beside (t: Test, act: (app: HostileApp) => Promise<void>): Promise<void> {
  const app = await HostileApp.start([program])
  t.teardown(() => app.close())
  const calling = app.callQuietly()
  try {
    await act(app)
  } finally {
    const { failures, calls, worstMs } = await calling()
    t.strictSame(failures, [], `the quiet tenant was served ${calls} times, at worst after ${Math.round(worstMs)} ms`)
    t.ok(app.isAlive)
    t.strictSame(await app.logs(quiet), [])
  }
}

async function ask (app: HostileApp, path: string, method = 'GET'): Promise<Answer> {
  return app.call(owner, { method, path, body: method === 'GET' ? undefined : '{}', manner: {} })
}

t.test('a file half written keeps the last good version serving', async t => beside(t, async app => {
  const whole = moduleOf(1)
  app.write(owner, file, whole)
  await app.refresh()
  t.equal((await ask(app, '/version')).body, '1')
  const next = moduleOf(2)
  for (const length of [0, 10, 60, next.length - 40, next.length - 3]) {
    app.write(owner, file, next.slice(0, length))
    await app.refresh()
    const { status, body } = await ask(app, '/version')
    if (length > 0) t.equal(body, '1', `${length} characters of it`)
    else t.ok(status === 200 || status === 404, 'an empty file is a module without endpoints')
    if (length === 0) app.write(owner, file, whole)
    if (length === 0) await app.refresh()
  }
  t.match(await app.problems(owner), [{ code: 'FMS_ERR_MODULE' }])
  app.write(owner, file, next)
  await app.refresh()
  t.equal((await ask(app, '/version')).body, '2')
  t.strictSame(await app.problems(owner), [])
}))

t.test('a module swapped under load answers each call with one version or the other', async t => beside(t, async app => {
  app.write(owner, file, moduleOf(0))
  await app.refresh()
  const stop = new AbortController()
  const answers: Answer[] = []
  const callers = ['GET', 'POST', 'GET', 'POST'].map(async method => {
    while (!stop.signal.aborted) answers.push(await ask(app, '/version', method))
  })
  for (let version = 1; version <= 12; version++) {
    const bad = version % 4 === 0 ? 'throw new Error(\'not this one\')' : version % 4 === 1 ? 'void Promise.resolve().then(() => { setInterval(() => {}, 1) })' : ''
    app.write(owner, file, moduleOf(version, bad))
    await app.refresh()
  }
  stop.abort()
  await Promise.all(callers)
  t.strictSame(answers.filter(({ status }) => status !== 200), [])
  t.ok(answers.length > 0, `${answers.length} calls`)
  const versions = answers.map(({ body }) => Number(body))
  t.ok(versions.every(version => version >= 0 && version % 4 === 0 ? version === 0 : version <= 11), 'none of those that do not load')
  app.write(owner, file, moduleOf(13))
  await app.refresh()
  t.equal((await ask(app, '/version')).body, '13')
}))

t.test('a module swapped while it loops and crashes ends, and its successor serves', async t => beside(t, async app => {
  app.write(owner, file, moduleOf(1))
  await app.refresh()
  for (let version = 2; version <= 5; version++) {
    const hostile = [ask(app, '/attack'), ask(app, '/late'), ask(app, '/attack')]
    app.write(owner, file, moduleOf(version))
    await app.refresh()
    t.equal((await ask(app, '/version')).body, String(version))
    for (const { status } of await Promise.all(hostile)) t.ok([200, 502, 503, 504].includes(status as number), String(status))
  }
}))

t.test('a tenant removed while it loops leaves nothing, and may come back', async t => beside(t, async app => {
  app.write(owner, file, moduleOf(1))
  await app.refresh()
  const looping = [ask(app, '/attack'), ask(app, '/late')]
  app.remove(owner)
  await app.refresh()
  t.equal((await ask(app, '/version')).status, 404)
  await Promise.all(looping)
  app.write(owner, file, moduleOf(2))
  await app.refresh()
  t.equal((await ask(app, '/version')).body, '2')
}))

t.test('sources that their parser chokes on are refused', async t => beside(t, async app => {
  const bombs: Record<string, string> = {
    deep: `export const a = ${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    unclosed: `export const a = ${'('.repeat(200_000)}`,
    template: `export const a = ${'`${'.repeat(50_000)}1${'}`'.repeat(50_000)}`,
    generic: `type A = ${'Array<'.repeat(20_000)}string${'>'.repeat(20_000)}\nexport const a: A = 1`,
    huge: `export const a = '${'x'.repeat(20_000_000)}'`,
    zeros: '\0'.repeat(10_000)
  }
  for (const [name, source] of Object.entries(bombs)) {
    app.write(owner, `${name}.ts`, source)
    await app.refresh()
    const problems = await app.problems(owner)
    const { status } = await ask(app, `/${name}/a`)
    t.equal(status, 404, name)
    t.comment(name, problems.map(({ message }) => message.slice(0, 120)))
    app.remove(owner)
  }
  app.write(owner, file, moduleOf(1))
  await app.refresh()
  t.equal((await ask(app, '/version')).body, '1')
}))
