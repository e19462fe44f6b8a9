import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import Fastify from 'fastify'
import microservices from 'fastify-microservices'
import { produce } from 'fastify-microservices/tokens'
import { serveBrowserPage } from './browser/serve.ts'

const admin = '70dd81e5-961a-470e-9e88-63d828674757'
const good = '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
const hostile = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'
const newcomer = '9c1f2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f'

// Made anew at each start, and so is the store; an app of your own has them in its environment, see .env.example.
const [adminSecret, secretsKey] = [32, 32].map(length => randomBytes(length).toString('base64url')) as [string, string]
const data = `${import.meta.dirname}/.data`
rmSync(data, { recursive: true, force: true })
mkdirSync(data, { mode: 0o700 })
writeFileSync(`${data}/admin.key`, `${admin}.first ${adminSecret}`, { mode: 0o600 })

const app = Fastify({ logger: { level: 'warn' } })
await app.register(microservices, { plugins: [`${import.meta.dirname}/plugins`] })
// Other people's code, under a prefix of its own: one folder per tenant, in the sandbox.
await app.register(microservices, {
  prefix: '/tenants',
  plugins: [],
  MULTI_TENANT: true,
  ADMIN_ID: admin,
  ADMIN_SECRET: adminSecret,
  SECRETS_KEY: secretsKey,
  TENANTS_DIR: `${import.meta.dirname}/tenants`,
  DATA_DIR: data,
  MAX_FUNCTION_SECS: 5,
  // There without being registered.
  tenants: { [good]: {}, [hostile]: {} }
})
await app.register(serveBrowserPage, { prefix: '/browser' })
const address = await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())

// For the page: a key of the good tenant's that opens its endpoints and manages nothing.
const keys = `${address}/tenants/${admin}/tenant-api/keys`
const body = JSON.stringify({ uuid: good, kind: 'call' })
const token = await produce({ kid: `${admin}.first`, key: adminSecret, method: 'POST', url: keys, manage: true, body })
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
const { kid, secret } = await (await fetch(keys, { method: 'POST', headers, body })).json() as { kid: string, secret: string }
writeFileSync(`${data}/browser.key`, `${kid} ${secret}`, { mode: 0o600 })

const mapped = JSON.stringify({ args: [1, 2, 3], name1: 'one', __map__: { parm_1: 'p1', parm_2: 'p2' } })

/** curl's options, with a shell's way to make the token at the moment that it is needed. A payload is JSON, or a file. */
function withToken (method: string, path: string, payload?: object | `@${string}`): string {
  const text = typeof payload === 'object' ? `'${JSON.stringify(payload)}'` : payload
  const token = ['npx node examples/token.ts', method, `'${address}${path}'`, text].filter(Boolean).join(' ')
  const body = typeof payload === 'object' ? `--json ${text}` : payload && `-H 'content-type: text/typescript' --data-binary ${payload}`
  return [`-H "authorization: Bearer $(${token})"`, body].filter(Boolean).join(' ')
}

function upload (shows: string, file: `@${string}`): [string, string, string] {
  const path = `/tenants/${newcomer}/module-api/upload/farewell`
  return [shows, path, withToken('POST', path, file)]
}

const calls: ReadonlyArray<[shows: string, path: string, options?: string]> = [
  ['a function is a URL', '/hello-world'],
  ['the query becomes arguments', '/hello-world/?a=1&b=2&c=3&d=4'],
  ['and so does what follows the name', '/hello-world/slug-or-numbers/'],
  ['one function, several methods', '/bar-none', '-X PUT'],
  ['payload, query and URL in one object, below the module\'s alias', '/v1/sample-one/1/2/3?a=1', '--json \'{"name1":"one"}\''],
  ['__map__ renames URL parameters for this request', '/v1/sample-one/1/2/?a=1&b=2', `--json '${mapped}'`],
  ['arguments checked and typed by a schema', '/people', '--json \'{"name":"Grace"}\''],
  ['what does not fit is a 400', '/people', '--json \'{"name":""}\''],
  ['a list', '/people'],
  ['a URL parameter with a name', '/person/1'],
  ['another method, another function', '/person/1', '-X PUT --json \'{"name":"Ada Lovelace"}\''],
  ['fail(404, …)', '/person/99'],
  ['a function that returns nothing is a 204', '/person/2', '-i -X DELETE'],
  ['two versions of an API: by module', '/product_v1/product/7'],
  ['the other', '/product_v2/product/7'],
  ['or by alias', '/2026-01/product/7'],
  ['a module of several files', '/temperature/37.5'],
  ['a program in another language', '/word-count', '--json \'{"text":"to be or not to be"}\''],
  ['a stream', '/countdown/3', '-N'],
  ['a time limit that is kept', '/nap/0.1'],
  ['and one that is not: 504', '/nap/5'],
  ['one module, described', '/v1/__dir__'],
  ['all that there is', '/__dir__'],
  ['a tenant\'s function, in an isolate', `/tenants/${good}/greet/Ada`],
  ['with web standards', `/tenants/${good}/digest`, '--json \'{"text":"abc"}\''],
  ['a hostile neighbour spins: 504', `/tenants/${hostile}/spin`],
  ['where V8 itself cannot stop it: 504 too', `/tenants/${hostile}/spin-natively`],
  ['takes all memory: 502', `/tenants/${hostile}/allocate`],
  ['crashes V8: 502', `/tenants/${hostile}/crash`],
  ['looks for a way out, and finds none', `/tenants/${hostile}/escape`],
  ['and the good one answers', `/tenants/${good}/greet`],
  ['a folder alone makes no tenant: 404', `/tenants/${newcomer}/hello`],
  ['so the admin registers one, with a single-use token; its keys are told once', `/tenants/${admin}/tenant-api/register`, withToken('POST', `/tenants/${admin}/tenant-api/register`, { userid: 'newcomer', uuid: newcomer })],
  ['it is there, and a token opens it', `/tenants/${newcomer}/hello`, withToken('GET', `/tenants/${newcomer}/hello`)],
  ['no token opens two doors: 401', `/tenants/${newcomer}/hello`, withToken('GET', '/tenants/elsewhere')],
  ['management never goes without: 401', `/tenants/${admin}/tenant-api/list`],
  upload('a module is uploaded', '@examples/uploads/farewell.ts'),
  ['and live', `/tenants/${newcomer}/farewell/Ada`],
  upload('so is its second version; the answer tells what changed', '@examples/uploads/farewell-2.ts'),
  ['which answers from now on', `/tenants/${newcomer}/farewell/Ada`],
  ['back to the first', `/tenants/${newcomer}/module-api/rollback`, withToken('POST', `/tenants/${newcomer}/module-api/rollback`, { module: 'farewell' })],
  ['which is there again', `/tenants/${newcomer}/farewell/Ada`]
]

for (const [shows, path, options] of calls) {
  const url = path.startsWith('/tenants/') ? path : `/rest/services${path}`
  console.log(`# ${shows}\n${['curl', options, `'${address}${url}'`].filter(Boolean).join(' ')}`)
}
console.log(`# Tokens in a browser: open ${address}/browser/ and paste the key that is in ${data}/browser.key`)
console.log('# Change a file in examples/plugins and call again: it is live. Ctrl+C ends.')
