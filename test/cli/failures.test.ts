import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { execFile, execFileSync } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { temporaryDirectory } from '../helper.ts'
import { fakeServer, key, kid, nowhere, owner, type Reply, secret } from './fake.ts'
import { type Place, Program, program, run, unprivileged, WITHIN_MS } from './program.ts'

/** As module-api answers where nothing was uploaded. */
const nothing: Reply = { body: { modules: [] } }

function working (t: Test, url: string, more: Record<string, string> = {}): Place & { directory: string } {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'orders.ts'), 'export {}\n')
  return { directory, environment: { MICROSERVICES_KEY: key, MICROSERVICES_URL: url, ...more } }
}

t.test('no server: it is said where none was found, and what to do', async t => {
  const { url } = await fakeServer(t, () => nothing)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  const refused = /^No server answers at http:\/\/127\.0\.0\.1:\d+\. Start it \(fastify-microservices start\), or say where it is by --url or MICROSERVICES_URL\.\n$/
  await Promise.all([['deploy', 'orders.ts'], ['versions'], ['rollback', 'orders'], ['tenants'], ['tenants', 'register', 'ada'], ['logs'], ['logs', '--follow']].map(async args => {
    t.match(await run(t, args, working(t, `http://127.0.0.1:${port}/rest/services`)), { code: 3, stdout: '', stderr: refused }, args.join(' '))
  }))
  t.match(await run(t, ['versions'], working(t, 'http://nowhere.invalid')), { code: 3, stderr: /nowhere\.invalid.* (?:Look at|Look at the network)/ })
  t.match(await run(t, ['versions'], working(t, url.replace('http', 'https'))), { code: 3, stderr: /^(?:The connection to|https:\/\/127)/ })
  t.match(await run(t, ['versions', '--url', 'ftp://a.example'], working(t, url)), { code: 2, stderr: /^Expected the URL of a server/ })
  t.match(await run(t, ['versions', '--url', 'http://me:word@a.example'], working(t, url)), { code: 2, stderr: /without user or query; found another/ })
})

t.test('where .env says nothing else, the server is at its PORT, or where PUBLIC_URL says', async t => {
  const { url } = await fakeServer(t, () => nothing)
  const { port, origin } = new URL(url)
  for (const line of [`PORT=${port}`, `PUBLIC_URL=${origin}/`]) {
    const directory = temporaryDirectory(t)
    writeFileSync(join(directory, '.env'), `ADMIN_ID=${owner}\nADMIN_SECRET=${secret}\n${line}\n`, { mode: 0o600 })
    t.match(await run(t, ['versions'], { directory }), { code: 0, stdout: /^Nothing was uploaded yet/, stderr: '' }, line)
  }
})

t.test('a wrong key: it is said what to look at, and the key is not told', async t => {
  const { url, asked } = await fakeServer(t, () => nothing)
  const other = randomBytes(32).toString('base64url')
  const { code, stdout, stderr } = await run(t, ['deploy', 'orders.ts'], working(t, url, { MICROSERVICES_KEY: `${kid} ${other}` }))
  t.strictSame([code, stdout], [4, ''])
  t.match(stderr, new RegExp(`^The server refused the key ${kid} \\(401\\)\\. The clocks agree\\. Look whether\n- it is a manage key`))
  t.notMatch(stderr, other)
  t.strictSame(asked, [], 'nothing was let in')
})

t.test('a clock that is off: it is said by how much', async t => {
  for (const [ahead, text] of [[90, '90 s behind'], [-330, '5 min 30 s ahead of'], [3 * 3600, '3.0 h behind']] as const) {
    const { url } = await fakeServer(t, () => nothing, { ahead })
    t.match(await run(t, ['versions'], working(t, url)), {
      code: 4, stdout: '', stderr: new RegExp(`\\(401\\), and the clock here is ${text.replace(/\d+ s/, '\\d+ s')} the server's\\. A token lives for seconds: set the clock\\.\n$`)
    }, text)
  }
})

t.test('what cannot be read, or is no module, is told by its name, and nothing is sent', async t => {
  const { url, asked } = await fakeServer(t, () => nothing)
  const place = working(t, url)
  const make = (folder: string, files: Record<string, string>): string => {
    mkdirSync(join(place.directory, folder, 'inner'), { recursive: true })
    for (const [name, text] of Object.entries(files)) writeFileSync(join(place.directory, folder, name), text)
    return join(place.directory, folder)
  }
  symlinkSync('/etc/hostname', join(make('linked', { 'index.ts': '' }), 'inner', 'link.ts'))
  execFileSync('mkfifo', [join(make('piped', { 'index.ts': '' }), 'pipe.ts')])
  make('addon', { 'index.ts': '', 'inner/native.node': '' })
  make('headless', { 'main.ts': '' })
  make('cased', { 'index.ts': '', 'A.ts': '', 'a.ts': '' })
  make('large', { 'index.ts': '', 'data.json': ' '.repeat(11 * 1024 * 1024) })
  make('bad name', { 'index.ts': '' })
  make('module-api', { 'index.ts': '' })
  writeFileSync(join(place.directory, 'orders.txt'), '')
  writeFileSync(join(place.directory, 'orders.cjs'), '')
  const wrong: Array<[args: string[], code: number, message: RegExp]> = [
    [['nowhere.ts'], 2, /nowhere\.ts: expected a module's file or folder; there is none\n$/],
    [['orders.txt'], 5, /^orders\.txt: expected a folder, or a file \.ts, \.mts, \.js or \.mjs; found another/],
    [['orders.cjs'], 5, /^orders\.cjs: expected a folder/],
    [['linked'], 5, /^inner\/link\.ts: expected files and folders; found a link; put what it stands for in its place/],
    [['piped'], 5, /^pipe\.ts: expected files and folders; found something else/],
    [['addon'], 5, /^inner\/native\.node: expected sources; found a native addon/],
    [['headless'], 5, /^expected an index file .*found main\.ts/],
    [['cased'], 5, /^a\.ts: expected names that differ in more than case/],
    [['large'], 5, /^expected at most 2000 files of 10485760 bytes together; found more at data\.json/],
    [['bad name'], 2, /^expected a module's name of letters.*found "bad name"; give another by --name/],
    [['module-api'], 2, /^expected a module's name/],
    [['orders.ts', '--name', '../x'], 2, /^expected a module's name/],
    [['orders.ts', '--owner', 'ada'], 2, /^--owner: expected a UUID; found "ada"/]
  ]
  await Promise.all(wrong.map(async ([args, code, message]) => t.match(await run(t, ['deploy', ...args], place), { code, stdout: '', stderr: message }, args.join(' '))))
  t.strictSame(asked, [])
})

t.test('what there is no right to read is told', async t => {
  const somebody = await unprivileged(t)
  if (somebody === undefined) return t.comment('only root may run the program here, and root may read anything')
  const place = { ...working(t, 'http://127.0.0.1:9'), ...somebody }
  chmodSync(place.directory, 0o755)
  mkdirSync(join(place.directory, 'orders'))
  for (const file of ['secret.ts', 'orders/index.ts', 'my.key']) writeFileSync(join(place.directory, file), '', { mode: 0 })
  t.match(await run(t, ['deploy', 'secret.ts'], place), { code: 2, stdout: '', stderr: /secret\.ts: .* you may not read it: look at its rights/ })
  t.match(await run(t, ['deploy', 'orders'], place), { code: 2, stdout: '', stderr: /orders\/index\.ts: .* you may not read it/ })
  t.match(await run(t, ['versions', '--key-file', 'my.key'], place), { code: 2, stdout: '', stderr: /my\.key: expected a file with a key that can be read; found EACCES/ })
  writeFileSync(join(place.directory, '.env'), '', { mode: 0 })
  t.match(await run(t, ['versions'], place), { code: 2, stdout: '', stderr: /\.env: expected a file that can be read, or none; found EACCES/ })
})

t.test('a broken module: file, line and what was expected, as the server tells them, and nothing a terminal obeys', async t => {
  const message = 'index.ts:3: args.name: expected a schema; found \u001b[31m"text"\u009b2J\nlib/b.ts:1: \u202eexpected ";"; found ")"'
  const { url } = await fakeServer(t, ({ method }) => method === 'GET' ? nothing : { status: 422, body: { statusCode: 422, error: 'Unprocessable Entity', message } })
  t.strictSame(await run(t, ['deploy', 'orders.ts'], working(t, url)), {
    code: 5, stdout: '', stderr: 'index.ts:3: args.name: expected a schema; found "text"\nlib/b.ts:1: expected ";"; found ")"\n'
  })
})

t.test('what else a server may say is told with its status', async t => {
  const answers: Array<[reply: Reply, code: number, message: RegExp]> = [
    [nowhere, 1, /^There is nothing at http.*\/rest\/services\/module-api\/versions: x is undefined for GET\.\nLook whether --url ends with/],
    [{ status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>Not here</h1>' }, 1, /^There is nothing at .*: Not Found\n/],
    [{ status: 503, headers: { 'retry-after': '7' }, body: { message: 'Service Unavailable' } }, 1, /^The server refused \(503\): Service Unavailable Try again in 7 s\.\n$/],
    [{ status: 403, body: 'no' }, 1, /^The server refused \(403\): Forbidden\n$/],
    [{ status: 302, headers: { location: 'https://b.example/' } }, 1, /leads to https:\/\/b\.example\/\. A token is for one URL: give that one, with its prefix, by --url\.\n$/],
    [{ body: 'hello' }, 1, /^Expected a list of modules from the server; found something else\./]
  ]
  await Promise.all(answers.map(async ([reply, code, message]) => {
    const { url } = await fakeServer(t, () => reply)
    t.match(await run(t, ['versions'], working(t, url)), { code, stdout: '', stderr: message })
  }))
})

t.test('an upload that the server breaks off: it is said what is known', async t => {
  const { url } = await fakeServer(t, () => nothing, {
    takes: request => request.method === 'POST' && request.once('data', () => request.destroy()) !== undefined
  })
  const place = working(t, url)
  writeFileSync(join(place.directory, 'orders.ts'), `export const noise = '${randomBytes(3 * 1024 * 1024).toString('hex')}'\n`)
  t.match(await run(t, ['deploy', 'orders.ts'], place), {
    code: 3, stdout: '', stderr: /^The connection to http:\S+ was lost \(\w+\)\. Whether it was done is not known: .* A `deploy` does only what is left to do\.\n$/
  })
})

t.test('an answer that comes before all was sent is not lost', async t => {
  const { url } = await fakeServer(t, () => nothing, {
    takes: (request, response) => request.method === 'POST' && response.writeHead(413, { 'content-type': 'application/json' }).end('{"message":"too large"}') !== undefined
  })
  const place = working(t, url)
  writeFileSync(join(place.directory, 'orders.ts'), `export const noise = '${randomBytes(3 * 1024 * 1024).toString('hex')}'\n`)
  t.match(await run(t, ['deploy', 'orders.ts'], place), { code: 1, stderr: 'The server refused (413): too large\n' })
})

t.test('Ctrl+C ends an upload, and says what is known', async t => {
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const { url } = await fakeServer(t, () => nothing, {
    takes: request => request.method === 'POST' && request.once('data', () => { request.pause(); resolve() }) !== undefined
  })
  const place = working(t, url)
  writeFileSync(join(place.directory, 'orders.ts'), `export const noise = '${randomBytes(3 * 1024 * 1024).toString('hex')}'\n`)
  const program = new Program(t, ['deploy', 'orders.ts'], place)
  await begun
  program.child.kill('SIGINT')
  t.match(await program.ended, { code: 130, stdout: '', stderr: /^Interrupted\. Whether it was done is not known/ })
})

t.test('on a terminal an upload shows how far it is', { skip: !hasScript() && 'there is no script(1), which makes terminals' }, async t => {
  const { url } = await fakeServer(t, ({ method }) => method === 'GET' ? nothing : { body: { version: 'f'.repeat(64), active: true } })
  const { directory, environment = {} } = working(t, url)
  const { stdout } = await promisify(execFile)('script', ['-qec', `${process.execPath} ${program} deploy orders.ts`, '/dev/null'], {
    cwd: directory, env: { PATH: process.env['PATH'], ...environment }, timeout: WITHIN_MS
  })
  const erased = stdout.split('\r\u001b[K').map(text => text.trim())
  t.match(erased.slice(1, -1), ['orders: asking the server', /^orders: uploading, 0% of \d+ B$/, 'orders: uploaded, the server makes it'])
  t.match(erased.at(-1), /^The server names it ffffffffffff, not \w{12}: its .*\r?\norders \w{12} \(1 file, 10 B\) is live at http/)
  t.notMatch(await run(t, ['deploy', 'orders.ts'], { directory, environment }), { stderr: /uploading/ }, 'elsewhere it does not')
})

function hasScript (): boolean {
  try {
    execFileSync('script', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
