import Fastify from 'fastify'
import microservices from 'fastify-microservices'

const app = Fastify({ logger: { level: 'warn' } })
await app.register(microservices, { plugins: [`${import.meta.dirname}/plugins`] })
// Other people's code, under a prefix of its own: one folder per tenant, in the sandbox.
await app.register(microservices, {
  prefix: '/tenants',
  plugins: [],
  MULTI_TENANT: true,
  ADMIN_ID: '70dd81e5-961a-470e-9e88-63d828674757',
  TENANTS_DIR: `${import.meta.dirname}/tenants`,
  DATA_DIR: `${import.meta.dirname}/.data`,
  MAX_FUNCTION_SECS: 5
})
const address = await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())

const mapped = JSON.stringify({ args: [1, 2, 3], name1: 'one', __map__: { parm_1: 'p1', parm_2: 'p2' } })

/** What it shows, the URL (of trusted modules: below the prefix), and curl's options. */
const good = '/tenants/0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
const hostile = '/tenants/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'

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
  ['a tenant\'s function, in an isolate', `${good}/greet/Ada`],
  ['with web standards', `${good}/digest`, '--json \'{"text":"abc"}\''],
  ['a hostile neighbour spins: 504', `${hostile}/spin`],
  ['where V8 itself cannot stop it: 504 too', `${hostile}/spin-natively`],
  ['takes all memory: 502', `${hostile}/allocate`],
  ['crashes V8: 502', `${hostile}/crash`],
  ['looks for a way out, and finds none', `${hostile}/escape`],
  ['and the good one answers', `${good}/greet`]
]

for (const [shows, path, options] of calls) {
  const url = path.startsWith('/tenants/') ? path : `/rest/services${path}`
  console.log(`# ${shows}\n${['curl', options, `'${address}${url}'`].filter(Boolean).join(' ')}`)
}
console.log('# Change a file in examples/plugins and call again: it is live. Ctrl+C ends.')
