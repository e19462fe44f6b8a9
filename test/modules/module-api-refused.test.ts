import t, { type Test } from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, otherAdminCredentials, tenant } from '../owners/owners.ts'
import { archive, openUploads, sealed, type Sending } from './uploads.ts'

const live = moduleSource({ hello: "{ args: Type.Object({ name: Type.Optional(Type.String()) }) }, () => 'live'" })

/** One for all tests, none of which may change what is live. */
const desk = await openUploads(t, { tenantFiles: { [tenant]: { 'file.ts': moduleSource({ filed: '{}, () => 1' }, "export const __alias__ = 'filed-alias'") } } })
const { send, ask, call, versions, onDisk, manageKey, callKey, register } = desk
await send(live)
const before = { versions: await versions(), disk: onDisk() }

/** A test after which all is as it was. */
function leavesAll (name: string, run: (t: Test) => Promise<void>): void {
  t.test(name, async t => {
    await run(t)
    t.strictSame(await versions(), before.versions, 'the store has what it had')
    t.strictSame(onDisk(), before.disk, 'so has the disk')
    t.equal((await call(undefined, 'GET', `/${tenant}/hello/hello`)).body, '"live"', 'and callers')
  })
}

async function told (body: string | Uint8Array, sending?: Sending): Promise<[status: number, message: string]> {
  const answer = await send(body, sending)
  return [answer.statusCode, answer.json<{ message: string }>().message]
}

leavesAll('a broken module is told with file, line and what was expected', async t => {
  const { 'index.ts': index, ...lib } = { 'index.ts': "export * from './lib/a.ts'\n", 'lib/a.ts': "import 'fastify-microservices'\nconst a = {\n" }
  const cases: ReadonlyArray<[name: string, body: string | Buffer, message: RegExp]> = [
    ['a syntax error', "import { endpoint } from 'fastify-microservices'\nexport const x = endpoint({}, () => 1\n", /^index\.ts:\d: /],
    ['a syntax error in another file', await archive({ 'index.ts': index, ...lib }), /^lib\/a\.ts:[23]: /],
    ['a throw at the top level', "const x = 1\nthrow new Error('no way')\n", /^index\.ts:2: .*no way/],
    ['a descriptor', moduleSource({ hello: "{ method: 'GOT' }, () => 1" }), /^index\.ts:4: hello: method: expected GET.*found "GOT"$/],
    ['two descriptors', moduleSource({ a: '{ params: 1 }, () => 1', b: "{ api: '__x' }, () => 1" }), /^index\.ts:4: a: params: .*\nindex\.ts:5: b: api: /],
    ['a schema', moduleSource({ hello: "{ args: { type: 'obj' } }, () => 1" }), /^index\.ts:4: hello: args: /],
    ['an import that is not there', "import { x } from './other.ts'\nexport const y = x\n", /^index\.ts:1: .*\.\/other\.ts/],
    ['an import of Node', "import { readFileSync } from 'node:fs'\nexport const y = readFileSync\n", /^index\.ts:1: .*node:fs/],
    ['an import from outside', await archive({ 'index.ts': "export * from '../../other/x.ts'\n" }), /^index\.ts:1: /],
    ["another's __ID__", moduleSource({ hello: '{}, () => 1' }, `export const __ID__ = '${admin}'`), /^index\.ts: __ID__: expected/],
    ['a reserved alias', moduleSource({ hello: '{}, () => 1' }, "export const __alias__ = 'tenant-api'"), /^index\.ts: .*tenant-api/],
    ['no text', Buffer.from([0xff, 0xfe, 0x41, 0]), /^index\.ts: expected source text in UTF-8/]
  ]
  for (const [name, body, message] of cases) {
    const [status, text] = await told(body)
    t.equal(status, 422, `${name}: ${text}`)
    t.match(text, message, name)
    t.notMatch(text, /\/uploads\/|[\da-f]{64}|work\//, `${name}: no path of ours`)
  }
})

leavesAll('archives are refused for what is wrong with them', async t => {
  const index = { 'index.ts': live }
  const cases: ReadonlyArray<[name: string, body: Uint8Array, message: RegExp]> = [
    ['no archive', Buffer.from([0x1f, 0x8b, 1, 2, 3]), /expected/],
    ['one that is cut off', (await archive(index)).subarray(0, 100), /expected/],
    ['a path that leads out', await archive({ ...index, '../../x.ts': '' }), /^\.\.\/\.\.\/x\.ts: expected a path inside/],
    ['an absolute path', await archive({ ...index, '/etc/x.ts': '' }), /expected a path inside/],
    ['a native addon', await archive({ ...index, 'lib/a.node': '' }), /^lib\/a\.node: .*native addon/],
    ['no index', await archive({ 'a.ts': '', 'b.ts': '' }), /expected an index file.*found a\.ts, b\.ts/],
    ['nothing', await archive({}), /expected an index file|expected/]
  ]
  for (const [name, body, message] of cases) {
    const [status, text] = await told(body, { type: 'application/gzip' })
    t.equal(status, 422, `${name}: ${text}`)
    t.match(text, message, name)
  }
})

leavesAll('where it must be compatible, what breaks callers is refused, and listed', async t => {
  const next = moduleSource({ hello: "{ args: Type.Object({ name: Type.Number(), more: Type.String() }) }, () => 'x'", other: '{}, () => 1' })
  t.strictSame(await told(next, { query: '?compatible=true' }), [409, [
    'it breaks callers of what is live:',
    'hello: argument name is number now; was string', 'hello: argument name is required now', 'hello: argument more is new, and required'
  ].join('\n')])
  t.match(await told(moduleSource({ other: '{}, () => 1' }), { query: '?compatible=true&activate=false' }), [409, /hello: is gone/])
})

leavesAll('a name that another module has is refused', async t => {
  for (const alias of ['file', 'filed-alias']) {
    t.match(await told(moduleSource({ hello: '{}, () => 2' }, `export const __alias__ = '${alias}'`)), [409, /^module: expected a name and an alias that no other module/], alias)
  }
  t.match(await told(live, { module: 'filed-alias' }), [409, /found those of "file" too/])
})

leavesAll('bad requests are refused in words', async t => {
  const cases: ReadonlyArray<[name: string, status: number, body: string | Uint8Array, sending: Sending, message: RegExp]> = [
    ['no body', 400, '', {}, /^body: expected a source file/],
    ['a form', 400, 'x', { type: 'multipart/form-data; boundary=x' }, /curl --data-binary @file/],
    ['no module', 400, live, { module: '' }, /module/],
    ['a reserved name', 400, live, { module: 'module-api' }, /^module: expected 1 to 100 letters/],
    ['a hidden name', 400, live, { module: '_x' }, /^module: expected/],
    ['a name with a path', 400, live, { module: '..%2f..%2fx' }, /^module: expected/],
    ['a name that is a folder of ours', 400, live, { module: '__dir__' }, /^module: expected/],
    ['a long name', 400, live, { module: 'x'.repeat(101) }, /^module: expected/],
    ['an unknown argument', 400, live, { query: '?compatable=true' }, /expected no arguments but module, activate, compatible; found "compatable"/],
    ['a value that is none', 400, live, { query: '?activate=maybe' }, /activate/],
    ['more than fits', 413, Buffer.alloc(8 * 1024 * 1024 + 1, 'x'), {}, /expected at most 8388608 bytes/],
    ['a trusted module that only says it is sealed', 400, live, { owner: admin, by: adminCredentials, type: 'application/jose' }, /expected a compact JWE/],
    ['JSON', 422, '{"a":1}', { type: 'application/json' }, /^index\.ts:1: /]
  ]
  for (const [name, status, body, sending, message] of cases) {
    const [found, text] = await told(body, sending)
    t.equal(found, status, `${name}: ${text}`)
    t.match(text, message, name)
  }
})

leavesAll('seals are for this module, from these keys, from just now, and used once', async t => {
  const now = Math.floor(Date.now() / 1000)
  const stranger = (await register('a stranger')).keys.find(({ kind }) => kind === 'manage')!
  const by = manageKey
  const right = await sealed(live, { by, jti: 'used' })
  t.equal((await send(right, { type: 'application/jose' })).json().unchanged, true)
  const cases: ReadonlyArray<[name: string, body: string, message: RegExp]> = [
    ['used before', right, /used for the first time/],
    ['its name used before', await sealed(`${live}\n`, { by, jti: 'used' }), /used for the first time/],
    ['another module', await sealed(live, { by, module: 'other' }), /a seal for module "hello"; found one for "other"/],
    ["another tenant's", await sealed(live, { by: adminCredentials, owner: admin }), /a seal for a module of .*; found one for "70dd/],
    ['no owner', await sealed(live, { by, owner: undefined as never }), /found one for undefined/],
    ['no module', await sealed(live, { by, module: undefined as never }), /found one for undefined/],
    ['another type', await sealed(live, { by, typ: 'call+jose' }), /expected a compact JWE of type module\+jose/],
    ['a key for calls', await sealed(live, { by: callKey }), /under a key for management/],
    ["a stranger's key", await sealed(live, { by: stranger }), /under a key for management/],
    ["another admin's key", await sealed(live, { by: otherAdminCredentials }), /under a key for management/],
    ["a name of the tenant's key and another secret", await sealed(live, { by: { kid: by.kid, secret: stranger.secret } }), /under a key for management/],
    ['no type of its content', await sealed(live, { by, cty: undefined as never }), /expected a seal with cty application\/gzip or/],
    ['another type of content', await sealed(live, { by, cty: 'application/jose' }), /expected a seal with cty/],
    ['no times', await sealed(live, { by, iat: undefined as never }), /with iat and exp/],
    ['too long a time', await sealed(live, { by, exp: now + 3_600 }), /at most 60 s/],
    ['its end before its beginning', await sealed(live, { by, exp: now - 1 }), /with iat and exp/],
    ['long ago', await sealed(live, { by, iat: now - 100, exp: now - 50 }), /ended \d+ s ago/],
    ['later than now', await sealed(live, { by, iat: now + 100, exp: now + 130 }), /made by now; found one of \d+ s later/],
    ['cut off', right.slice(0, -4), /expected a compact JWE/],
    ['no seal', live, /expected a compact JWE/]
  ]
  for (const [name, body, message] of cases) {
    const [status, text] = await told(body, { type: 'application/jose' })
    t.equal(status, 400, `${name}: ${text}`)
    t.match(text, message, name)
  }
  t.match(await told(await sealed('export const x =', { by }), { type: 'application/jose' }), [422, /^index\.ts:1: /], 'what is in it is held to the same')
})

leavesAll('what is asked of versions is checked', async t => {
  const { version } = before.versions[0]!
  const cases: ReadonlyArray<[status: number, message: RegExp, ...asked: Parameters<typeof ask>]> = [
    [400, /version: expected its first 12 hex digits/, 'POST', 'activate', { module: 'hello', version: version.slice(0, 11) }],
    [400, /version: expected its first 12 hex digits/, 'POST', 'activate', { module: 'hello', version: version.toUpperCase().slice(0, 20) + 'A' }],
    [400, /version: expected its first 12 hex digits/, 'POST', 'activate', { module: 'hello', version: '../../../../x' }],
    [400, /version/, 'POST', 'activate', { module: 'hello' }],
    [400, /module: expected text/, 'POST', 'activate', { module: 1, version }],
    [400, /expected no arguments but/, 'POST', 'activate', { module: 'hello', version, force: true }],
    [404, /version: expected that of one version of "hello"/, 'POST', 'activate', { module: 'hello', version: '0'.repeat(12) }],
    [404, /version: expected that of one version of "other"/, 'POST', 'activate', { module: 'other', version }],
    [404, /module: expected one that was uploaded/, 'POST', 'rollback', { module: 'other' }],
    [404, /module: expected one that was uploaded/, 'POST', 'rollback', { module: 'file' }],
    [409, /found none before it/, 'POST', 'rollback', { module: 'hello' }],
    [404, /module: expected one that was uploaded/, 'DELETE', 'remove/other'],
    [404, /module: expected one that was uploaded/, 'DELETE', 'remove/file'],
    [404, /version: expected that of one version/, 'DELETE', `remove/hello?version=${'0'.repeat(64)}`],
    [409, /version: expected one that is not active/, 'DELETE', `remove/hello?version=${version}`]
  ]
  for (const [status, message, ...asked] of cases) {
    const answer = await ask(...asked)
    t.equal(answer.statusCode, status, `${JSON.stringify(asked)}: ${answer.body}`)
    t.match(answer.json().message, message)
  }
  t.strictSame((await ask('GET', 'versions/other')).json(), { modules: [] })
})
