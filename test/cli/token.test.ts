import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { digestOf, verify, type TokenKey } from '../../lib/tokens/verify.ts'
import { temporaryDirectory } from '../helper.ts'
import { key, kid, owner, secret } from './fake.ts'
import { run } from './program.ts'

const url = 'https://api.example.com/rest/services/orders?a=1'
const target = { method: 'GET', url }
const find = (name: string): TokenKey | undefined => name === kid ? { owner, kind: 'manage', secret: Buffer.from(secret, 'base64url') } : undefined
const environment = { MICROSERVICES_KEY: key }

/** A file that only its owner reads. */
function keyFile (directory: string, text: string, mode = 0o600): string {
  const file = join(directory, `${Math.random()}.key`)
  writeFileSync(file, text, { mode })
  chmodSync(file, mode)
  return file
}

t.test('token makes a token for a request, with the key of the environment', async t => {
  const { code, stdout, stderr } = await run(t, ['token', 'get', url], { environment })
  t.strictSame([code, stderr], [0, ''])
  t.match(verify(stdout.trim(), { key: find, ...target }), { kid, owner })
  const told = await run(t, ['token', 'GET', url, '--json'], { environment })
  t.equal(verify(JSON.parse(told.stdout).token, { key: find, ...target }).kid, kid)
})

t.test('for management it is for one query and one body, of a file or from a pipe', async t => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'body.json'), '{"a":1}')
  for (const [file, input] of [['body.json', ''], ['-', '{"a":1}']] as const) {
    const { stdout } = await run(t, ['token', 'POST', url, '--manage', '--body-file', file, '--ttl', '50'], { environment, directory, input })
    t.match(verify(stdout.trim(), { key: find, method: 'POST', url, manage: { query: 'a=1' } }), { bod: digestOf('{"a":1}') }, file)
    t.throws(() => verify(stdout.trim(), { key: find, method: 'POST', url, ttlSecs: 49 }))
  }
})

t.test('the key comes from a file as text, as it was told or as it was registered, or from .env', async t => {
  const directory = temporaryDirectory(t)
  const registered = { uuid: owner, userid: 'ada', keys: [{ kid: `${owner}.other`, kind: 'call', secret }, { kid, kind: 'manage', secret }] }
  for (const text of [`${key}\n`, JSON.stringify({ kid, kind: 'manage', secret }), JSON.stringify(registered)]) {
    const { stdout } = await run(t, ['token', 'GET', url, '--key-file', keyFile(directory, text)])
    t.equal(verify(stdout.trim(), { key: find, ...target }).kid, kid)
  }
  writeFileSync(join(directory, '.env'), `ADMIN_ID=${owner.toUpperCase()}\nADMIN_SECRET=${secret}\n`, { mode: 0o600 })
  const { stdout, stderr } = await run(t, ['token', 'GET', url], { directory })
  t.equal(stderr, '')
  t.equal(verify(stdout.trim(), { key: find, ...target }).kid, kid)
  chmodSync(join(directory, '.env'), 0o644)
  t.match(await run(t, ['token', 'GET', url], { directory }), { code: 0, stderr: '.env holds keys, and others can read it: chmod 600 .env\n' })
  writeFileSync(join(directory, '.env'), `ADMIN_SECRET=${secret}\n`)
  const local = (name: string): TokenKey | undefined => name === 'local.first' ? { ...find(kid)!, owner: 'local' } : undefined
  t.match(verify((await run(t, ['token', 'GET', url], { directory })).stdout.trim(), { key: local, ...target }), { owner: 'local' })
})

t.test('a key file that others can read is refused', async t => {
  const directory = temporaryDirectory(t)
  for (const mode of [0o644, 0o640, 0o602]) {
    const file = keyFile(directory, key, mode)
    t.match(await run(t, ['token', 'GET', url, '--key-file', file]), { code: 2, stdout: '', stderr: `${file}: expected a file that only its owner can read, since it holds a key; found one that others can: chmod 600 ${file}\n` })
  }
})

t.test('what is no key, no URL or cannot be read is told, and no key is quoted', async t => {
  const directory = temporaryDirectory(t)
  const nearly = secret.slice(1)
  const wrong: Array<[args: string[], environment: Record<string, string>, message: RegExp]> = [
    [[], {}, /^Expected a key; found none\. Give it in MICROSERVICES_KEY/],
    [[], { MICROSERVICES_KEY: secret }, /^MICROSERVICES_KEY: expected "<kid> <secret>"/],
    [[], { MICROSERVICES_KEY: `${kid} ${nearly}` }, /^MICROSERVICES_KEY: expected "<kid> <secret>"/],
    [[], { ADMIN_SECRET: nearly }, /^ADMIN_ID and ADMIN_SECRET: expected/],
    [['--key-file', 'nowhere'], {}, /nowhere: expected a file with a key that can be read; found ENOENT/],
    [['--key-file', '.'], {}, /expected a file/],
    [['--key-file', keyFile(directory, '')], {}, /\.key: expected "<kid> <secret>"/],
    [['--key-file', keyFile(directory, '{"kid":')], {}, /\.key: expected "<kid> <secret>"/],
    [['--key-file', keyFile(directory, `{"keys":[{"kid":1,"secret":"${secret}"}]}`)], {}, /\.key: expected "<kid> <secret>"/],
    [['--manage', '--body-file', 'nowhere'], environment, /nowhere: expected a file that can be read; found ENOENT/],
    [['--ttl', 'long'], environment, /^ttlSecs: expected whole seconds/]
  ]
  await Promise.all(wrong.map(async ([args, environment, message]) => {
    const { code, stdout, stderr } = await run(t, ['token', 'GET', url, ...args], { directory, environment })
    t.strictSame([code, stdout], [2, ''], stderr)
    t.match(stderr, message)
    t.notMatch(stderr, nearly)
  }))
  t.match(await run(t, ['token', 'GET', '/orders'], { environment }), { code: 2, stderr: /^url: expected an absolute one/ })
  t.match(await run(t, ['token', 'GET', url], { directory: temporaryDirectory(t), environment: { MICROSERVICES_KEY: '' } }), { code: 2, stderr: /found none/ })
})
