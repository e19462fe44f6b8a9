import { globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, tenant } from '../owners/owners.ts'
import { bomb, END, entry, longName, pax, tgz } from '../archives.ts'
import { watchThread } from '../thread.ts'
import { buildUploads, type BuiltUploads } from './uploads.ts'

const quiet = 'a1b2c3d4-0000-4000-8000-000000000009'
const good = moduleSource({ hello: "{}, () => 'good'" })

/** A folder of a module, as an archive. */
function folder (files: Record<string, string | Buffer>): Buffer {
  return tgz(...Object.entries(files).map(([path, body]) => Buffer.concat([pax({ path }), entry({ name: 'x', body })])))
}

interface Hostile extends BuiltUploads {
  /** Uploads what must be refused, above a good version: that one serves on, and nothing is left. Gives the message. */
  refused (t: Test, body: string | Buffer, expected?: number): Promise<string>
}

/** A tenant with a good version of `hostile`, and a neighbour that is called all along. */
async function open (t: Test): Promise<Hostile> {
  const built = await buildUploads(t, { tenantFiles: { [quiet]: { 'calm.ts': moduleSource({ calm: "{}, () => 'calm'" }) } } })
  const { manage, upload, call, app, url, dataDirectory } = built
  await manage('POST', 'register', { userid: 'quiet', uuid: quiet })
  await check(t, await upload(good), 200)
  await check(t, await app.inject(url(`/${quiet}/calm`)), 200)
  beCalled(t, async () => (await app.inject(url(`/${quiet}/calm`))).statusCode)
  // Beside them: a secret, which no message may tell.
  writeFileSync(join(dataDirectory, 'secret.json'), '{ "secret": "SECRET" }')
  writeFileSync(join(dataDirectory, 'secret.ts'), "export const secret = 'SECRET'\n")
  const state = async (): Promise<unknown> => [
    (await call(adminCredentials, 'GET', `/${tenant}/module-api/versions`)).json(), readdirSync(join(dataDirectory, 'uploads'), { recursive: true }).sort()
  ]
  const before = await state()
  return {
    ...built,
    async refused (t, body, expected = 422) {
      const response = await upload(body)
      const { message } = response.json() as { message: string }
      t.equal(response.statusCode, expected, message)
      t.notMatch(response.body, /SECRET|\/tmp\/|\/work\/|uploads\/|node:internal/, 'its message tells nothing of the installation')
      t.match((await app.inject(url(`/${tenant}/hostile/hello`))).body, /good/, 'the good version serves on')
      t.strictSame(await state(), before, 'and nothing was left')
      return message
    }
  }
}

async function check (t: Test, response: LightMyRequestResponse, status: number): Promise<void> {
  t.equal(response.statusCode, status, response.body)
}

/** While the test lasts, nobody else's call fails, and the app is never held for long. */
function beCalled (t: Test, call: () => Promise<number>): void {
  const stop = watchThread()
  const failures: number[] = []
  let calls = 0
  let calling = Promise.resolve()
  const timer = setInterval(() => {
    calling = calling.then(async () => {
      const status = await call()
      calls++
      if (status !== 200) failures.push(status)
    })
  }, 50)
  // Before the app is closed.
  t.teardown(async () => {
    clearInterval(timer)
    await calling
    const held = stop()
    if (failures.length > 0) throw new Error(`of ${calls} calls of the neighbour, these failed: ${failures.join(', ')}`)
    if (held > 500) throw new Error(`the app was held for ${Math.round(held)} ms`)
    t.comment(`the app was held for ${Math.round(held)} ms at most`)
  })
}

t.test('an archive that is hostile is refused, in words, and leaves nothing', async t => {
  const { refused, upload } = await open(t)
  const index = entry({ name: 'index.ts', body: good })
  const size = `0${(1024 ** 3).toString(8)}\0`
  const archives: Array<[bytes: Buffer, message: RegExp]> = [
    [tgz(index, entry({ name: '../evil.ts' })), /^\.\.\/evil\.ts: expected a path inside the module's folder; found "\.\."/],
    [tgz(index, pax({ path: '/etc/cron.d/evil' }), entry({ name: 'x' })), /^\/etc\/cron\.d\/evil: .* an absolute one/],
    [tgz(index, longName('../'.repeat(20) + 'evil.ts'), entry({ name: 'x' })), /found "\.\."/],
    [tgz(index, entry({ name: 'a\\..\\evil.ts' })), /a backslash/],
    [tgz(index, entry({ name: 'link.ts', type: '2', link: '../../../secret.ts' })), /^link\.ts: .* a symbolic link/],
    [tgz(index, entry({ name: 'link.ts', type: '1', link: '/etc/passwd' })), /^link\.ts: .* a hard link/],
    [tgz(index, entry({ name: 'disk', type: '4' })), /^disk: .* a device/],
    [tgz(index, entry({ name: 'pipe', type: '6' })), /^pipe: .* a FIFO/],
    [tgz(index, index), /^index\.ts: expected each file once/],
    [tgz(index, entry({ name: 'a.ts' }), entry({ name: 'A.ts' })), /^A\.ts: expected names that differ in more than case/],
    [tgz(index, entry({ name: 'e\u0301.ts' })), /form NFC/],
    [await bomb(Buffer.alloc(512), 1024, entry({ name: 'index.ts', size })), /^index\.ts: expected at most 10485760 bytes/],
    [await bomb(entry({ name: 'a/', type: '5' }), 500, index), /expected at most 20000 entries/],
    [tgz(entry({ name: 'index.ts', size: Buffer.alloc(12, 0xff) })), /^index\.ts: expected a size in octal digits/],
    [tgz(pax({ comment: 'x'.repeat(100_000) }), index), /expected attributes of at most/],
    [tgz(index, entry({ name: 'addon.node', body: '\x7fELF' })), /^addon\.node: .* a native addon/],
    [tgz(index).subarray(0, -10), /found one that is damaged: unexpected end of file/],
    [gzipSync(Buffer.concat([index, END]).subarray(0, 800)), /found one that is damaged/],
    [Buffer.concat([tgz(index), Buffer.from('garbage')]), /found one that is damaged/],
    [tgz(), /expected an index file .* found no file/],
    [tgz(entry({ name: 'main.ts', body: good })), /expected an index file .* found main\.ts/],
    [Buffer.from([0x1f, 0x8b, 8, 0]), /found one that is damaged/]
  ]
  for (const [bytes, message] of archives) t.match(await refused(t, bytes), message)
  await check(t, await upload(tgz(index, entry({ name: 'lib/a.ts' }))), 200)
  // A trusted module is read the same.
  for (const [bytes, message] of archives.slice(0, 6)) {
    const response = await upload(bytes, { owner: admin, type: 'application/gzip' })
    await check(t, response, 422)
    t.match((response.json() as { message: string }).message, message)
  }
})

t.test('no file of a module leads outside of its folder', async t => {
  const { refused, upload, app, url } = await open(t)
  const root = '../../../..'
  const secrets = [`${root}/secret.json`, `${root}/secret.ts`, '/etc/passwd', '../../../../../../../../../../etc/hostname', `../../../${quiet}/calm.ts`]
  for (const path of secrets) {
    const named = new RegExp(`^index\\.ts:1: .*"${path.replaceAll('.', '\\.')}"`)
    t.match(await refused(t, `import * as found from '${path}'\n${good}export { found }\n`), named, 'of one file')
    t.match(await refused(t, folder({ 'index.ts': `import * as found from '${path}'\nexport { found }\n${good}` })), named)
    const json = (value: unknown): string => JSON.stringify(value)
    const importing = (what: string): string => `import * as found from '${what}'\nexport { found }\n${good}`
    const packages: Record<string, Record<string, string>> = {
      main: { 'index.ts': importing('evil'), 'node_modules/evil/package.json': json({ main: path }) },
      module: { 'index.ts': importing('evil'), 'node_modules/evil/package.json': json({ module: path, main: path, browser: path }) },
      exports: { 'index.ts': importing('evil'), 'node_modules/evil/package.json': json({ exports: path }) },
      'exports of a subpath': { 'index.ts': importing('evil/sub'), 'node_modules/evil/package.json': json({ exports: { './*': `${path}`, './sub': { worker: path, browser: path, default: path } } }) },
      imports: { 'index.ts': importing('#evil'), 'package.json': json({ imports: { '#evil': path } }) },
      'its own exports': { 'index.ts': importing('self/evil'), 'package.json': json({ name: 'self', exports: { './evil': path } }) },
      tsconfig: { 'index.ts': importing('evil'), 'tsconfig.json': json({ extends: path, compilerOptions: { baseUrl: '/', paths: { evil: [path], '*': [`${root}/*`] }, rootDirs: ['/'] } }) },
      'package.json tsconfig': { 'index.ts': importing('evil'), 'package.json': json({ tsconfig: path }), 'node_modules/evil/package.json': json({ main: path, tsconfig: path }) }
    }
    for (const [name, files] of Object.entries(packages)) t.match(await refused(t, folder(files)), /^index\.ts:1: .*"(evil|evil\/sub|#evil|self\/evil)"/, `${name}: ${path}`)
  }
  for (const what of ['node:fs', 'fs', 'fastify', 'esbuild', 'file:///etc/passwd', 'data:text/javascript,1', 'http://127.0.0.1/x.js', '/etc/passwd.json', '\\\\etc\\\\passwd']) {
    t.match(await refused(t, `import * as found from '${what}'\n${good}export { found }\n`), /^index\.ts:1: /, what)
  }
  // What is there is taken from the module, and nothing is put in its place.
  const own = {
    'index.ts': moduleSource({ hello: '{}, () => text + secret' }, "import { text } from 'mine'\nimport { secret } from './a.ts'"),
    'a.ts': "export const secret = ' and more'",
    'package.json': JSON.stringify({ browser: { './a.ts': `${root}/secret.ts` }, type: 'commonjs', main: '/etc/passwd' }),
    'tsconfig.json': '{ "extends": "/etc/passwd", "compilerOptions": { "paths": { "mine": ["/etc/passwd"], "./a.ts": ["../../../../secret.ts"] } } }',
    'node_modules/mine/package.json': JSON.stringify({ main: 'lib.js', browser: { './lib.js': `${root}/secret.ts` } }),
    'node_modules/mine/lib.js': "export const text = 'mine'",
    'node_modules/fastify-microservices/index.js': "export const endpoint = () => { throw new Error('not the platform') }",
    'node_modules/@sinclair/typebox/index.js': "throw new Error('not the platform')"
  }
  await check(t, await upload(folder(own), { module: 'own' }), 200)
  t.equal((await app.inject(url(`/${tenant}/own/hello`))).json(), 'mine and more')
})

t.test('nothing of an upload is run but its endpoints, in their sandbox', async t => {
  const { upload, app, url, dataDirectory } = await open(t)
  const marker = join(dataDirectory, 'ran')
  const touch = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`
  const scripts = Object.fromEntries(['preinstall', 'install', 'postinstall', 'prepare', 'prepack', 'build', 'test', 'start'].map(name => [name, `touch ${marker}`]))
  const files = {
    'index.ts': good,
    'package.json': JSON.stringify({ name: 'x', scripts, bin: { x: 'x.js' }, dependencies: { 'left-pad': '1.0.0', evil: `file:${dataDirectory}` }, gypfile: true, packageManager: 'yarn@4' }),
    'binding.gyp': `{ "targets": [{ "target_name": "x", "actions": [{ "action": ["touch", "${marker}"] }] }] }`,
    Makefile: `all:\n\ttouch ${marker}\n`,
    'x.js': touch,
    'index.js': touch,
    'esbuild.config.js': touch,
    'node_modules/evil/package.json': JSON.stringify({ scripts, main: 'x.js' }),
    'node_modules/evil/x.js': touch,
    'install.sh': `#!/bin/sh\ntouch ${marker}\n`
  }
  await check(t, await upload(folder(files)), 200)
  await check(t, await app.inject(url(`/${tenant}/hostile/hello`)), 200)
  t.notOk(readdirSync(dataDirectory).includes('ran'))
  // Trusted code runs when it is live, and not before; other files of it do not run at all.
  await check(t, await upload(folder(files), { owner: admin, type: 'application/gzip', query: '?activate=false' }), 200)
  await check(t, await upload(folder(files), { owner: admin, type: 'application/gzip' }), 200)
  await check(t, await app.inject(url(`/${admin}/hostile/hello`)), 200)
  t.notOk(readdirSync(dataDirectory).includes('ran'))
  const modes = globSync('uploads/*/hostile/*/install.sh', { cwd: dataDirectory })
  t.equal(modes.length, 2, 'the files lie there')
})

t.test('schemas and descriptors that are bombs, and modules that never finish loading', async t => {
  const { refused, upload, app, url } = await open(t)
  t.match(await refused(t, `${good}for (;;);`), /^index\.ts: it took more than 2 s to run its top level|^index\.ts: .*it does not end/)
  const programs = globSync('*.ts', { cwd: join(import.meta.dirname, '../sandbox/hostile/reload') }).filter(name => /^(schema|descriptor|exports|top-level)-/.test(name)).sort()
  t.ok(programs.length > 15)
  for (const name of programs) {
    const source = readFileSync(join(import.meta.dirname, '../sandbox/hostile/reload', name), 'utf8')
    const [, method, path, expected] = /^\/\/ call: (\w+) \/(\S+).*\n\/\/ expect: (.*)$/m.exec(source) as unknown as [string, 'GET', string, string]
    const module = basename(name, '.ts')
    const { statusCode, body } = await upload(source, { module })
    const mayBeTaken = expected.split(' or ').some(one => !one.startsWith('refused'))
    t.ok(statusCode === 422 || (mayBeTaken && statusCode === 200), `${name}: ${statusCode} ${body.slice(0, 300)}`)
    t.ok(body.length < 25_000, 'what is said of it is short')
    if (statusCode === 422) t.equal((await app.inject({ method, url: url(`/${tenant}/${module}/${path}`) })).statusCode, 404, `${name} is not served`)
  }
})

t.test('problems by the thousand, in sources by the megabyte, are told in a few lines and in no time', async t => {
  const { refused } = await open(t)
  const wrong = Array.from({ length: 900 }, (_, i) => `export const e${i} = endpoint({ method: 'BREW' }, () => 1)`).join('\n')
  const junk = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`a${i}.ts`, '\n'.repeat(1024 * 1024)]))
  const message = await refused(t, folder({ ...junk, 'index.ts': `import { endpoint } from 'fastify-microservices'\n${wrong}\n` }))
  t.match(message, /^index\.ts:2: /)
  t.ok(message.split('\n').length <= 21)
})

t.test('names that would be paths', async t => {
  const { call, upload, app, url, dataDirectory } = await open(t)
  const files = (): string[] => readdirSync(join(dataDirectory, 'uploads'), { recursive: true }).map(String).sort()
  const before = files()
  for (const module of ['..', '.', '%2e%2e', '..%2f..%2fevil', 'a%2fb', 'a%5cb', '%00', 'a%00', 'a%0ab', '.hidden', '_private', '__proto__', 'a.b', 'a:b', 'hostile@abc', 'tenant-api', 'module-api', 'x'.repeat(101), '%C3%A9', '%ED%A0%80', '%', '%zz', '']) {
    const { statusCode } = await upload(good, { module })
    t.ok(statusCode >= 400 && statusCode < 500, `${module}: ${statusCode}`)
  }
  t.strictSame(files(), before)
  for (const version of ['../../..', '..', '/etc/passwd', 'x'.repeat(12), 'A'.repeat(12), 'a'.repeat(11), `${'a'.repeat(60)}/../`, '__proto__', '', '%']) {
    const activated = await call(adminCredentials, 'POST', `/${tenant}/module-api/activate`, { module: 'hostile', version })
    t.ok([400, 404].includes(activated.statusCode), `activate ${version}: ${activated.statusCode}`)
    const removed = await call(adminCredentials, 'DELETE', `/${tenant}/module-api/remove/hostile?version=${encodeURIComponent(version)}`)
    t.ok([400, 404].includes(removed.statusCode), `remove ${version}: ${removed.statusCode} ${removed.body}`)
    const preview = await call(adminCredentials, 'GET', `/${tenant}/hostile@${encodeURIComponent(version)}/hello`)
    t.equal(preview.statusCode, 404, `preview ${version}`)
  }
  for (const module of ['../hostile', '..', '__proto__', 'constructor']) {
    for (const action of ['activate', 'rollback'] as const) {
      const { statusCode, body } = await call(adminCredentials, 'POST', `/${tenant}/module-api/${action}`, { module, ...action === 'activate' && { version: 'a'.repeat(12) } })
      t.ok([400, 404].includes(statusCode), `${action} ${module}: ${statusCode} ${body}`)
    }
  }
  t.strictSame(files(), before)
  t.match((await app.inject(url(`/${tenant}/hostile/hello`))).body, /good/)
})

t.test('names that every object has are names like others', async t => {
  const { call, upload, app, url } = await open(t)
  for (const module of ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype']) {
    for (const owner of [tenant, admin]) {
      const source = (text: string, more = ''): string => moduleSource({ [`hello${module}`]: `{}, () => '${text}'` }, more)
      const said = async (): Promise<string> => (await app.inject(url(`/${owner}/${module}/hello${module}`))).body
      if (owner === admin) {
        await check(t, await upload(source('broken', "export const __start__ = () => { throw new Error('no') }"), { owner, module }), 422)
        t.match((await call(adminCredentials, 'GET', `/${owner}/module-api/versions/${module}`)).json(), { modules: [] }, 'what did not go live is not kept')
      }
      await check(t, await upload(source('one'), { owner, module }), 200)
      t.equal(await said(), '"one"')
      const { version } = (await upload(source('two'), { owner, module })).json() as { version: string }
      t.equal(await said(), '"two"')
      await check(t, await call(adminCredentials, 'POST', `/${owner}/module-api/rollback`, { module }), 200)
      t.equal(await said(), '"one"')
      t.match((await call(adminCredentials, 'GET', `/${owner}/${module}@${version.slice(0, 12)}/hello${module}`)).body, 'two')
      await check(t, await call(adminCredentials, 'DELETE', `/${owner}/module-api/remove/${module}`), 204)
      t.equal((await app.inject(url(`/${owner}/${module}/hello${module}`))).statusCode, 404)
    }
  }
})
