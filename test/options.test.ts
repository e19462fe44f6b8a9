import { execFile } from 'node:child_process'
import { readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import microservices, { type MicroservicesOptions } from '../lib/index.ts'
import { environmentSettings } from '../lib/settings.ts'
import { build, moduleSource, temporaryDirectory } from './helper.ts'

const first = '70dd81e5-961a-470e-9e88-63d828674757'
const second = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'
const root = join(import.meta.dirname, '..')
const echo = { 'echo.ts': moduleSource({ echo: '{}, args => args' }) }

const secret = 'A'.repeat(43)

/** All methods that a store has, none of which does anything. */
const ownStore = new Proxy({}, { get: () => () => {} })

const settings = [...Object.keys(environmentSettings), 'URL_PARM0', 'URL_PARM1', 'URL_PARM2', 'URL_PARM3']

/** Sets variables until the test ends; whatever the machine has of ours is out of the way. */
function setEnvironment (t: Test, values: Record<string, string> = {}): void {
  const names = [...settings, ...Object.keys(values)]
  const before = names.map(name => [name, process.env[name]] as const)
  t.teardown(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  for (const name of names) delete process.env[name]
  Object.assign(process.env, values)
}

/** The problems that a registration reports, each in a line; none when it goes well. */
async function problemsOf (t: Test, options: object): Promise<string[]> {
  const app = Fastify()
  t.teardown(() => app.close())
  try {
    await app.register(microservices, { watch: false, env: false, ...options } as MicroservicesOptions)
    return []
  } catch (error) {
    t.match(error, { code: 'FMS_ERR_OPTIONS', statusCode: 500, message: /^fastify-microservices cannot start:\n/ })
    return (error as Error).message.split('\n').slice(1)
  }
}

/** Each is one problem, that names what is wrong, what was expected and what was found. */
const wrongOptions: ReadonlyArray<[title: string, options: object, problem: RegExp]> = [
  ['prefix of a wrong type', { prefix: 5 }, /^- prefix: expected a path.*found 5 \(option\)$/],
  ['prefix without a slash', { prefix: 'rest' }, /^- prefix: .*found "rest"/],
  ['prefix with a wildcard', { prefix: '/rest/*' }, /^- prefix: .*found "\/rest\/\*"/],
  ['prefix with a query', { prefix: '/rest?a' }, /^- prefix: /],
  ['prefix with a fragment', { prefix: '/rest#a' }, /^- prefix: /],
  ['prefix that begins with two slashes', { prefix: '//' }, /^- prefix: .*found "\/\/"/],
  ['an empty prefix', { prefix: '' }, /^- prefix: /],
  ['watch', { watch: 'sometimes' }, /^- watch: expected "events" or "poll" or false; found "sometimes"/],
  ['watch: true', { watch: true }, /^- watch: .*found true/],
  ['envelope', { envelope: 'yes' }, /^- envelope: expected a boolean; found "yes"/],
  ['directory', { directory: 1 }, /^- directory: expected a boolean; found 1/],
  ['env', { env: 'no' }, /^- env: expected a boolean; found "no"/],
  ['authorize', { authorize: 'nobody' }, /^- authorize: expected a function; found "nobody"/],
  ['plugins of a wrong type', { plugins: 5 }, /^- plugins: expected a string or an array of strings; found 5/],
  ['plugins that are no strings', { plugins: [5] }, /^- plugins: .*found \[5\]/],
  ['NUM_URL_PARMS as text', { NUM_URL_PARMS: '5' }, /^- NUM_URL_PARMS: expected an integer.*; found "5" \(option\)$/],
  ['NUM_URL_PARMS below 0', { NUM_URL_PARMS: -1 }, /^- NUM_URL_PARMS: .*found -1/],
  ['NUM_URL_PARMS between integers', { NUM_URL_PARMS: 1.5 }, /^- NUM_URL_PARMS: .*found 1\.5/],
  ['NUM_URL_PARMS without end', { NUM_URL_PARMS: Infinity }, /^- NUM_URL_PARMS: /],
  ['MAX_FUNCTION_SECS of 0', { MAX_FUNCTION_SECS: 0 }, /^- MAX_FUNCTION_SECS: expected a number above 0 and up to 86400; found 0/],
  ['MAX_FUNCTION_SECS of more than a day', { MAX_FUNCTION_SECS: 86_401 }, /^- MAX_FUNCTION_SECS: .*found 86401/],
  ['MAX_FUNCTION_SECS as text', { MAX_FUNCTION_SECS: '30' }, /^- MAX_FUNCTION_SECS: .*found "30"/],
  ['MULTI_TENANT as text', { MULTI_TENANT: 'true', ADMIN_ID: first }, /^- MULTI_TENANT: expected a boolean; found "true"/],
  ['MULTI_TENANT without ADMIN_ID', { MULTI_TENANT: true }, /^- ADMIN_ID: expected at least one UUID, since MULTI_TENANT is set; found none/],
  ['ADMIN_ID of a wrong type', { ADMIN_ID: 5 }, /^- ADMIN_ID: expected a string or an array of strings; found 5/],
  ['ADMIN_ID that is no UUID', { ADMIN_ID: 'admin' }, /^- ADMIN_ID: expected a UUID; found "admin"/],
  ['one of two ADMIN_IDs', { ADMIN_ID: [first, `${second}0`] }, /^- ADMIN_ID: expected a UUID; found "f47a.*0"/],
  ['TENANTS_DIR without MULTI_TENANT', { TENANTS_DIR: join(root, 'examples') }, /^- TENANTS_DIR: expected MULTI_TENANT beside it.*found it not set/],
  ['tenants without MULTI_TENANT', { tenants: {} }, /^- tenants: expected MULTI_TENANT/],
  ['sandbox without MULTI_TENANT', { sandbox: {} }, /^- sandbox: expected MULTI_TENANT/],
  ['TENANTS_DIR that is missing', { MULTI_TENANT: true, ADMIN_ID: first, TENANTS_DIR: '/nowhere' }, /^- TENANTS_DIR: expected a directory that exists; found "\/nowhere"/],
  ['TENANTS_DIR that is a file', { MULTI_TENANT: true, ADMIN_ID: first, TENANTS_DIR: import.meta.filename }, /^- TENANTS_DIR: expected a directory/],
  ['TENANTS_DIR around a plugin directory', { MULTI_TENANT: true, ADMIN_ID: first, TENANTS_DIR: root, plugins: [join(root, 'examples')], DATA_DIR: '/tmp/data' }, /^- TENANTS_DIR: expected directories apart/],
  ['DATA_DIR inside a plugin directory', { plugins: [join(root, 'examples')], DATA_DIR: join(root, 'examples', 'data') }, /^- DATA_DIR: expected directories apart/],
  ['DATA_DIR of a wrong type', { DATA_DIR: 5 }, /^- DATA_DIR: expected a string; found 5/],
  ['a tenant that is no UUID', { MULTI_TENANT: true, ADMIN_ID: first, tenants: { me: {} } }, /^- tenants: expected UUIDs as names; found "me"/],
  ['a tenant that is an admin', { MULTI_TENANT: true, ADMIN_ID: first, tenants: { [first]: {} } }, /^- tenants: .*which is an admin's/],
  ['a tenant twice', { MULTI_TENANT: true, ADMIN_ID: first, tenants: { [second]: {}, [second.toUpperCase()]: {} } }, /^- tenants: expected each UUID once/],
  ['an unknown field of a tenant', { MULTI_TENANT: true, ADMIN_ID: first, tenants: { [second]: { limit: 1 } } }, /^- tenants\.f47ac.*\.limit: unexpected property; found 1/],
  ['a limit of a tenant', { MULTI_TENANT: true, ADMIN_ID: first, tenants: { [second]: { limits: { memoryMb: 'much' } } } }, /^- tenants\.f47ac.*\.limits\.memoryMb: expected integer; found "much"/],
  ['a limit of the installation', { MULTI_TENANT: true, ADMIN_ID: first, sandbox: { limits: { turnMs: 1 } } }, /^- sandbox\.limits\.turnMs: .*10; found 1/],
  ['the isolation of a tenant', { MULTI_TENANT: true, ADMIN_ID: first, tenants: { [second]: { isolation: 'none' } } }, /^- tenants\.f47ac.*\.isolation: .*found "none"/],
  ['ADMIN_ID twice', { ADMIN_ID: [first, first.toUpperCase()] }, /^- ADMIN_ID: expected each UUID once; found "70DD.*" twice/],
  ['the admin of a tenant', { MULTI_TENANT: true, ADMIN_ID: first, tenants: { [second]: { admin: second } } }, /^- tenants\.f47ac.*\.admin: expected a UUID of ADMIN_ID; found "f47ac/],
  ['ADMIN_SECRET that is no key', { ADMIN_ID: first, ADMIN_SECRET: 'hunter2' }, /^- ADMIN_SECRET: expected 32 random bytes as 43 characters of base64url.*found 7 characters$/],
  ['ADMIN_SECRET with bits to spare', { ADMIN_ID: first, ADMIN_SECRET: `${'A'.repeat(42)}B` }, /^- ADMIN_SECRET: expected 32 random bytes/],
  ['ADMIN_SECRET of a wrong type, unquoted', { ADMIN_SECRET: [secret, 5] }, /^- ADMIN_SECRET: expected a string or an array of strings; found something else \(option\)$/],
  ['more ADMIN_SECRETs than admins', { ADMIN_ID: first, ADMIN_SECRET: [secret, secret.replace('A', 'B')] }, /^- ADMIN_SECRET: expected at most one key for each UUID of ADMIN_ID.*found 2 for 1$/],
  ['ADMIN_SECRET twice', { ADMIN_ID: [first, second], ADMIN_SECRET: [secret, secret] }, /^- ADMIN_SECRET: expected keys that differ; found one twice$/],
  ['ADMIN_SECRET without SECRETS_KEY', { MULTI_TENANT: true, ADMIN_ID: first, ADMIN_SECRET: secret }, /^- SECRETS_KEY: expected .*since ADMIN_SECRET.*found none$/],
  ['SECRETS_KEY that is no key', { SECRETS_KEY: [secret, 'old'] }, /^- SECRETS_KEY: expected 32 random bytes.*found 3 characters$/],
  ['TOKENS', { TOKENS: 'always' }, /^- TOKENS: expected "off" or "optional" or "required"; found "always"/],
  ['TOKENS required where nobody has a key', { TOKENS: 'required' }, /^- TOKENS: expected ADMIN_SECRET beside "required".*found none$/],
  ['TOKEN_TTL_SECS', { TOKEN_TTL_SECS: 0 }, /^- TOKEN_TTL_SECS: expected an integer from 1 to 3600; found 0/],
  ['STALE_SECS', { STALE_SECS: 0 }, /^- STALE_SECS: expected a number from 1 to 86400; found 0/],
  ['PUBLIC_URL without a scheme', { PUBLIC_URL: 'api.example.com' }, /^- PUBLIC_URL: expected how clients reach the app.*found "api\.example\.com"$/],
  ['PUBLIC_URL with a query', { PUBLIC_URL: 'https://api.example.com/?a=1' }, /^- PUBLIC_URL: /],
  ['PUBLIC_URL of another scheme', { PUBLIC_URL: 'ftp://api.example.com' }, /^- PUBLIC_URL: /],
  ['MONGO_URL of another scheme, unquoted', { MONGO_URL: 'https://user:hunter2@db' }, /^- MONGO_URL: expected a URL that begins with mongodb:\/\/ or mongodb\+srv:\/\/; found another$/],
  ['a name of MongoDB', { MONGO_URL: 'mongodb://db', ADMIN_TABLE: 'a.b' }, /^- ADMIN_TABLE: expected a name of letters, digits, "-" and "_", 60 at most; found "a\.b"$/],
  ['one collection for two things', { MONGO_URL: 'mongodb://db', ADMIN_COL: 'TENANT' }, /^- ADMIN_COL, TENANT_COL, ENVIRON_COL: expected three names; found one twice$/],
  ['a store without methods', { store: { open () {} } }, /^- store: expected an object with all methods of a store; found none named close, probe, /],
  ['a store that is none', { store: 'sqlite' }, /^- store: expected .*; found "sqlite"/],
  ['two stores', { store: ownStore, mongo: true }, /^- store: expected either a store or a connection of MongoDB; found options store and mongo$/],
  ['mongo', { mongo: 5 }, /^- mongo: expected a boolean or a string; found 5/],
  ['plans without MULTI_TENANT', { plans: { small: {} } }, /^- plans: expected MULTI_TENANT beside it/],
  ['a limit of a plan', { MULTI_TENANT: true, ADMIN_ID: first, plans: { small: { turnMs: 'short' } } }, /^- plans\.small\.turnMs: expected integer; found "short"/],
  ['SECRETS', { SECRETS: { A: 1 } }, /^- SECRETS: expected a string or an array of strings; found {"A":1}/],
  ['URL_PARM of a wrong type', { URL_PARM1: 1 }, /^- URL_PARM1: expected a name.*found 1$/],
  ['URL_PARM that begins with a digit', { URL_PARM1: '1st' }, /^- URL_PARM1: .*found "1st"/],
  ['URL_PARM with a dash', { URL_PARM1: 'first-name' }, /^- URL_PARM1: .*found "first-name"/],
  ['an empty URL_PARM', { URL_PARM1: '' }, /^- URL_PARM1: .*found ""/],
  ['URL_PARM constructor', { URL_PARM2: 'constructor' }, /^- URL_PARM2: .*found "constructor"/],
  ['URL_PARM prototype', { URL_PARM2: 'prototype' }, /^- URL_PARM2: .*found "prototype"/],
  ['URL_PARM __proto__', { URL_PARM2: '__proto__' }, /^- URL_PARM2: .*found "__proto__"/],
  ['URL_PARM __map__', { URL_PARM2: '__map__' }, /^- URL_PARM2: .*found "__map__"/],
  ['two equal URL_PARMs', { URL_PARM1: 'id', URL_PARM3: 'id' }, /^- URL_PARM3: .*found "id", which is URL_PARM1's/],
  ['URL_PARM that equals a default', { URL_PARM1: 'parm_2' }, /^- URL_PARM2: .*found "parm_2", which is URL_PARM1's/],
  ['URL_PARM beyond NUM_URL_PARMS, all the same', { URL_PARM12: 5 }, /^- URL_PARM12: .*found 5$/],
  ['URL_PARM with a leading zero', { URL_PARM01: 'x' }, /^- URL_PARM01: unknown option/],
  ['an unknown option', { pluginss: './plugins' }, /^- pluginss: unknown option; expected one of plugins, NUM_URL_PARMS, .*prefix/],
  ['an unknown option that objects have', { toString: 'x' }, /^- toString: unknown option/],
  ['an option of the wrong case', { num_url_parms: 3 }, /^- num_url_parms: unknown option/],
  ['URL_PARM without a number', { URL_PARMx: 'x' }, /^- URL_PARMx: unknown option/]
]

for (const [title, options, problem] of wrongOptions) {
  t.test(`refuses as an option: ${title}`, async t => {
    const problems = await problemsOf(t, { plugins: [t.testdir({})], ...options })
    t.equal(problems.length, 1, problems.join('\n'))
    t.match(problems[0], problem)
  })
}

const wrongVariables: ReadonlyArray<[name: string, value: string, problem: RegExp]> = [
  ['NUM_URL_PARMS', 'ten', /^- NUM_URL_PARMS: expected an integer.*; found "ten" \(environment\)$/],
  ['NUM_URL_PARMS', '-1', /^- NUM_URL_PARMS: .*found/],
  ['NUM_URL_PARMS', '1.5', /^- NUM_URL_PARMS: .*found/],
  ['MULTI_TENANT', 'perhaps', /^- MULTI_TENANT: expected a boolean; found "perhaps" \(environment\)$/],
  ['MAX_FUNCTION_SECS', '0', /^- MAX_FUNCTION_SECS: .*found/],
  ['MAX_FUNCTION_SECS', '30s', /^- MAX_FUNCTION_SECS: .*found "30s"/],
  ['ADMIN_ID', `${first},me`, /^- ADMIN_ID: expected a UUID; found "me"/],
  ['STALE_SECS', '5 minutes', /^- STALE_SECS: expected a number.*found "5 minutes" \(environment\)$/],
  ['SECRETS_KEY', 'hunter2', /^- SECRETS_KEY: .*found 7 characters$/],
  ['MULTI_TENANT', 'true', /^- ADMIN_ID: expected at least one UUID/],
  ['URL_PARM1', 'constructor', /^- URL_PARM1: .*found "constructor"/],
  ['URL_PARM1', 'parm_3', /^- URL_PARM3: .*found "parm_3"/],
  ['plugins', '/nowhere/at/all', /^- plugins: expected a directory that exists; found "\/nowhere\/at\/all"/]
]

for (const [name, value, problem] of wrongVariables) {
  t.test(`refuses from the environment: ${name}=${value}`, async t => {
    setEnvironment(t, { [name]: value })
    const problems = await problemsOf(t, { env: true, ...(name !== 'plugins' && { plugins: [t.testdir({})] }) })
    t.equal(problems.length, 1, problems.join('\n'))
    t.match(problems[0], problem)
  })
}

t.test('a number of the environment means what it means elsewhere', async t => {
  setEnvironment(t, { NUM_URL_PARMS: '1e1' })
  const problems = await problemsOf(t, { env: true, plugins: [t.testdir({})] })
  if (problems.length > 0) {
    t.match(problems, [/^- NUM_URL_PARMS: .*found "1e1"/])
    return
  }
  const { app, url } = await build(t, { files: echo, env: true })
  t.equal((await app.inject(url('/echo/1/2/3/4/5/6/7/8/9/10'))).statusCode, 200)
})

t.test('reports every problem in one error', async t => {
  setEnvironment(t, { MAX_FUNCTION_SECS: 'long', URL_PARM3: 'prototype' })
  const problems = await problemsOf(t, {
    env: true,
    prefix: 'rest',
    plugins: ['/nowhere/at/all', join(import.meta.dirname, 'options.test.ts')],
    ADMIN_ID: 'admin',
    MULTI_TENANT: 7,
    unknown: true
  })
  const names = problems.map(line => /^- (\w+): /.exec(line)?.[1])
  t.same(names.sort(), ['ADMIN_ID', 'MAX_FUNCTION_SECS', 'MULTI_TENANT', 'URL_PARM3', 'plugins', 'plugins', 'prefix', 'unknown'])
})

t.test('plugins', async t => {
  t.test('refuses a named directory that is missing, or is a file', async t => {
    const path = t.testdir({ 'a.ts': '' })
    t.match(await problemsOf(t, { plugins: [join(path, 'missing')] }), [/^- plugins: expected a directory that exists.*missing/])
    t.match(await problemsOf(t, { plugins: ['./plugins-that-are-missing'] }), [/^- plugins: .*plugins-that-are-missing/])
    t.match(await problemsOf(t, { plugins: `${first}=${join(path, 'missing')}` }), [/^- plugins: expected a directory that exists.*missing/])
    t.match(await problemsOf(t, { plugins: [join(path, 'a.ts')] }), [/^- plugins: expected a directory; .*a\.ts is a file/])
  })

  t.test('refuses directories that overlap', async t => {
    const path = realpathSync(t.testdir({ a: { inner: {} }, ab: {} }))
    symlinkSync(join(path, 'a'), join(path, 'link'))
    symlinkSync(join(path, 'a/inner'), join(path, 'deep-link'))
    const at = (...names: string[]) => problemsOf(t, { plugins: names.map(name => join(path, name)) })
    const apart = [/^- plugins: expected directories apart from one another; found .* and /]
    t.match(await at('a', 'a'), apart, 'equal')
    t.match(await at('a', 'a/'), apart, 'equal but for a slash')
    t.match(await at('a', 'a/inner'), apart, 'inside')
    t.match(await at('a/inner', 'a'), apart, 'around')
    t.match(await at('a', 'link'), apart, 'equal by a link')
    t.match(await at('a', 'deep-link'), apart, 'inside by a link')
    t.match(await at('link/inner', 'a'), apart, 'around by a link')
    t.match(await problemsOf(t, { plugins: [join(path, 'a'), `${first}=${join(path, 'a')}`] }), apart, 'equal, for two owners')
    t.same(await at('a', 'ab'), [], 'a common beginning of the name is no overlap')
  })

  t.test('are separated like PATH, in order, in an option and in the environment', async t => {
    const directory = t.testdir({
      a: { 'one.ts': moduleSource({ which: "{}, () => 'one'" }) },
      b: { 'one-more.ts': moduleSource({ which: "{}, () => 'more'", also: "{}, () => 'also'" }) }
    })
    const plugins = ['b', 'a'].map(name => join(directory, name)).join(delimiter)
    setEnvironment(t, { plugins: ` ${plugins}${delimiter}` })
    for (const options of [{ plugins }, { env: true }]) {
      const app = Fastify()
      t.teardown(() => app.close())
      await app.register(microservices, { watch: false, env: false, ...options })
      t.equal((await app.inject('/rest/services/which')).json(), 'more')
      t.equal((await app.inject('/rest/services/one/which')).json(), 'one')
      t.equal((await app.inject('/rest/services/also')).json(), 'also')
    }
  })
})

t.test('NUM_URL_PARMS says how many slugs a URL may carry', async t => {
  const none = await build(t, { files: echo, NUM_URL_PARMS: 0 })
  t.equal((await none.app.inject(none.url('/echo'))).statusCode, 200)
  t.equal((await none.app.inject(none.url('/echo/1'))).statusCode, 404)

  const many = await build(t, { files: echo, NUM_URL_PARMS: 25, URL_PARM25: 'last' })
  const slugs = Array.from({ length: 25 }, (_, i) => `s${i + 1}`)
  const answer = await many.app.inject(many.url(`/echo/${slugs.join('/')}`))
  t.match(answer.json(), { parm_1: 's1', parm_24: 's24', last: 's25' })
  t.equal(Object.keys(answer.json()).length, 25)
  t.equal((await many.app.inject(many.url(`/echo/${slugs.join('/')}/26`))).statusCode, 404)

  const ten = await build(t, { files: echo })
  t.equal((await ten.app.inject(ten.url(`/echo/${slugs.slice(0, 10).join('/')}`))).statusCode, 200, 'ten by default')
  t.equal((await ten.app.inject(ten.url(`/echo/${slugs.slice(0, 11).join('/')}`))).statusCode, 404)
})

t.test('URL_PARM0 is accepted and ignored', async t => {
  const { app, url } = await build(t, { files: echo, URL_PARM0: 'constructor', URL_PARM1: 'id' })
  t.same((await app.inject(url('/echo/7/8'))).json(), { id: '7', parm_2: '8' })
})

t.test('an option wins over the environment, and that over the default', async t => {
  setEnvironment(t, { URL_PARM1: 'from_environment', URL_PARM2: 'second', NUM_URL_PARMS: '2', FASTIFY_MICROSERVICES: 'x', URL_PARM: 'y' })
  const { app, url } = await build(t, { files: echo, env: true, URL_PARM1: 'from_option' })
  t.same((await app.inject(url('/echo/1/2'))).json(), { from_option: '1', second: '2' })
  t.equal((await app.inject(url('/echo/1/2/3'))).statusCode, 404)
})

t.test('`env: false` reads no environment', async t => {
  setEnvironment(t, { URL_PARM1: 'from_environment', NUM_URL_PARMS: 'wrong' })
  const { app, url } = await build(t, { files: echo, env: false })
  t.same((await app.inject(url('/echo/1/2'))).json(), { parm_1: '1', parm_2: '2' })
})

t.test('an undefined option is as good as none', async t => {
  setEnvironment(t, { URL_PARM1: 'from_environment', NUM_URL_PARMS: '1' })
  const { app, url } = await build(t, { files: echo, env: true, ...{ URL_PARM1: undefined, NUM_URL_PARMS: undefined, prefix: undefined } as object })
  t.same((await app.inject(url('/echo/1'))).json(), { from_environment: '1' })
  t.equal((await app.inject(url('/echo/1/2'))).statusCode, 404)
})

t.test('an empty variable is as good as none', async t => {
  setEnvironment(t, { URL_PARM1: '', NUM_URL_PARMS: '', ADMIN_ID: '', MULTI_TENANT: '' })
  const { app, url } = await build(t, { files: echo, env: true })
  t.same((await app.inject(url('/echo/1'))).json(), { parm_1: '1' })
})

t.test('MULTI_TENANT and ADMIN_ID come from the environment as well', async t => {
  setEnvironment(t, { MULTI_TENANT: 'true', ADMIN_ID: ` ${second} , ${first.toUpperCase()} ` })
  const { app, url } = await build(t, { files: echo, env: true })
  t.equal((await app.inject(url(`/${second}/echo`))).statusCode, 200, 'the first owns what names no owner')
  t.equal((await app.inject(url(`/${first}/echo`))).statusCode, 404)
})

t.test('.env', async t => {
  /** A process of its own, since a process has one working directory. Prints what `echo/1/2/3` answers, or the error. */
  const run = async (t: Test, env: string | { folder: true } | undefined, options = '{}', variables: Record<string, string> = {}) => {
    const cwd = t.testdir({
      plugins: echo,
      ...(typeof env === 'string' && { '.env': env }),
      ...(typeof env === 'object' && { '.env': {} }),
      'main.ts': `
        import { createRequire } from 'node:module'
        const Fastify = createRequire(${JSON.stringify(join(root, 'package.json'))})('fastify')
        const { default: microservices } = await import(${JSON.stringify(join(root, 'lib/index.ts'))})
        const app = Fastify()
        try {
          await app.register(microservices, { watch: false, ...${options} })
          const answer = await app.inject('/rest/services/echo/1/2/3')
          console.log(JSON.stringify({ ...answer.json(), leaked: process.env.URL_PARM2 ?? process.env.OTHER_NAME }))
        } catch (error) {
          console.log(JSON.stringify({ code: error.code, message: error.message }))
        } finally {
          await app.close()
        }`
    })
    const { PATH = '' } = process.env
    const { stdout } = await promisify(execFile)(process.execPath, ['main.ts'], { cwd, env: { PATH, ...variables }, timeout: 20_000 })
    return JSON.parse(stdout) as Record<string, unknown>
  }

  t.test('is read from the working directory, as are the default ./plugins', async t => {
    t.same(await run(t, 'URL_PARM1=one\nURL_PARM2=two\nOTHER_NAME=x\n'), { one: '1', two: '2', parm_3: '3' })
  })

  t.test('gives way to the process environment, and that to options', async t => {
    const given = await run(t, 'URL_PARM1=file1\nURL_PARM2=file2\nURL_PARM3=file3\n', "{ URL_PARM1: 'option1' }",
      { URL_PARM1: 'process1', URL_PARM3: 'process3' })
    t.same(given, { option1: '1', file2: '2', process3: '3' })
  })

  t.test('is ignored with `env: false`', async t => {
    t.same(await run(t, 'URL_PARM1=one\nNUM_URL_PARMS=wrong', '{ env: false }'), { parm_1: '1', parm_2: '2', parm_3: '3' })
  })

  t.test('is checked like options, and may be missing', async t => {
    t.match(await run(t, 'URL_PARM1=prototype\nNUM_URL_PARMS=many\nMULTI_TENANT=true\n'), {
      code: 'FMS_ERR_OPTIONS', message: /(?=.*NUM_URL_PARMS: )(?=.*URL_PARM1: )(?=.*ADMIN_ID: )/s
    })
    t.same(await run(t, undefined), { parm_1: '1', parm_2: '2', parm_3: '3' })
  })

  t.test('that cannot be read is an error that says so', async t => {
    t.match(await run(t, { folder: true }), { code: 'FMS_ERR_OPTIONS', message: /^- \.env: .*EISDIR/m })
  })

  t.test('.env.example holds the defaults', async t => {
    t.same(await run(t, readFileSync(join(root, '.env.example'), 'utf8')), { parm_1: '1', parm_2: '2', parm_3: '3' })
  })

  t.test('./plugins may be missing', async t => {
    const cwd = t.testdir({})
    const before = process.cwd()
    t.teardown(() => process.chdir(before))
    process.chdir(cwd)
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(microservices, { watch: false, env: false })
    await app.ready()
    t.match(app.microservices.directory(), { modules: [], problems: [] })
    t.same(await problemsOf(t, { plugins: '.' }), [])
    t.match(await problemsOf(t, { plugins: './plugins' }), [/^- plugins: expected a directory that exists/], 'named explicitly it may not')
  })
})

t.test('SECRETS', async t => {
  const secret = 'correct horse (battery)+staple'
  const files = {
    'leak.ts': moduleSource({
      log: `{}, (args, { env, log }) => {
        log.info({ nested: [{ value: env.FMS_TEST_SECRET }] }, 'in text: ' + env.FMS_TEST_SECRET)
        log.child({ bound: env.FMS_TEST_SECRET }).warn('child')
        log.error(new Error('in error: ' + env.FMS_TEST_SECRET))
        return 'logged'
      }`,
      refuse: "{}, (args, { env }) => { throw Object.assign(new Error('refused: ' + env.FMS_TEST_SECRET), { statusCode: 418 }) }",
      crash: "{}, (args, { env }) => { throw new Error('crashed: ' + env.FMS_TEST_SECRET, { cause: new Error(env.FMS_TEST_SECRET) }) }",
      described: "{ summary: 'Uses ' + process.env.FMS_TEST_SECRET, args: Type.Object({ key: Type.String({ default: process.env.FMS_TEST_SECRET }) }) }, () => 1",
      raw: '{}, (args, { env }) => ({ length: env.FMS_TEST_SECRET.length })'
    })
  }
  const broken = { 'broken.ts': "throw new Error('cannot connect with ' + process.env.FMS_TEST_SECRET)" }
  const start = async (t: Test, names: string, more = {}) => {
    setEnvironment(t, { FMS_TEST_SECRET: secret, FMS_TEST_SHORT: 'abcde', FMS_TEST_EMPTY: '' })
    const lines: string[] = []
    const logger = { level: 'info', stream: { write: (line: string) => { lines.push(line) } } }
    return { lines, ...await build(t, { files: { ...files, ...more }, SECRETS: names, fastify: { logger } }) }
  }

  t.test('are masked in the log', async t => {
    const { app, url, lines } = await start(t, 'FMS_TEST_SECRET')
    t.equal((await app.inject(url('/log'))).json(), 'logged')
    const found = lines.map(line => JSON.parse(line) as Record<string, unknown>)
    t.ok(found.some(({ msg }) => msg === 'in text: [secret]'))
    t.match(found.find(({ nested }) => nested), { nested: [{ value: '[secret]' }] })
    t.match(found.find(({ msg }) => msg === 'child'), { bound: '[secret]' })
    t.match(found.find(({ err }) => err), { err: { message: 'in error: [secret]' } })
    t.notOk(lines.join('').includes(secret))
    t.equal((await app.inject(url('/raw'))).json().length, secret.length, 'the code itself has the value')
  })

  t.test('are masked in what the log says of modules that do not load, start or close', async t => {
    const { app, lines } = await start(t, 'FMS_TEST_SECRET', {
      ...broken,
      'starts.ts': "export function __start__ () { throw new Error('cannot start with ' + process.env.FMS_TEST_SECRET) }",
      'closes.ts': "export function __close__ () { throw new Error('cannot close with ' + process.env.FMS_TEST_SECRET) }"
    })
    await app.close()
    for (const verb of ['connect', 'start', 'close']) t.match(lines.find(line => line.includes(`cannot ${verb}`)), /with \[secret\]/, verb)
    t.notOk(lines.join('').includes(secret))
  })

  t.test('are masked in errors', async t => {
    const { app, url, lines } = await start(t, 'FMS_TEST_SECRET')
    const refused = await app.inject(url('/refuse'))
    t.equal(refused.statusCode, 418)
    t.equal(refused.json().message, 'refused: [secret]')
    const crashed = await app.inject(url('/crash'))
    t.equal(crashed.statusCode, 500)
    t.notOk(crashed.body.includes('crashed'))
    t.ok(lines.some(line => line.includes('crashed: [secret]')))
    t.notOk(lines.join('').includes(secret))
  })

  t.test('are masked in listings', async t => {
    const { app, url } = await start(t, 'FMS_TEST_SECRET', broken)
    const listed = (await app.inject(url('/__dir__'))).body
    t.match(listed, 'Uses [secret]')
    t.notOk(listed.includes(secret))
    t.notOk((await app.inject(url('/leak/__dir__'))).body.includes(secret))
    const directory = app.microservices.directory()
    t.match(directory.problems, [{ code: 'FMS_ERR_MODULE', message: /cannot connect with \[secret\]/ }])
    t.notOk(JSON.stringify(directory).includes(secret))
  })

  t.test('that are too short are warned about, by name; those that are not set are not', async t => {
    const { lines } = await start(t, 'FMS_TEST_SHORT, FMS_TEST_SECRET FMS_TEST_EMPTY,FMS_TEST_UNSET')
    const warnings = lines.map(line => JSON.parse(line)).filter(({ level, msg }) => level === 40 && msg.startsWith('SECRETS'))
    t.equal(warnings.length, 1)
    t.match(warnings[0].msg, /FMS_TEST_SHORT .*6 characters/)
    t.notMatch(warnings[0].msg, /FMS_TEST_SECRET|abcde|EMPTY|UNSET/)
  })
})

t.test('multi-tenant mode', async t => {
  const stranger = '3d594650-3436-453f-900b-13e2f3c3d0b4'
  const who = (name: string, more = '') => moduleSource({ who: `{}, (args, { owner, params }) => ({ name: '${name}', owner, params })` }, more)

  /** Two admins, each with a directory. */
  const start = async (t: Test, more: Record<string, string> = {}, options: MicroservicesOptions = {}) => {
    const path = t.testdir({ one: { 'one.ts': who('one'), ...more }, two: { 'two.ts': who('two'), 'extra.ts': moduleSource({ extra: '{}, () => 1' }) } })
    const dataDirectory = temporaryDirectory(t)
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(microservices, {
      plugins: [join(path, 'one'), `${second.toUpperCase()}=${join(path, 'two')}`],
      MULTI_TENANT: true,
      ADMIN_ID: [first, second],
      DATA_DIR: dataDirectory,
      watch: false,
      env: false,
      ...options
    })
    await app.ready()
    return { app, path, get: async (url: string) => await app.inject(`/rest/services${url}`) }
  }

  t.test('gives each admin a namespace of its own', async t => {
    const { get } = await start(t)
    t.same((await get(`/${first}/who`)).json(), { name: 'one', owner: first, params: {} })
    t.same((await get(`/${second}/who/7/8`)).json(), { name: 'two', owner: second, params: { parm_1: '7', parm_2: '8' } })
    t.same((await get(`/${second}/two/who/7`)).json(), { name: 'two', owner: second, params: { parm_1: '7' } })
    t.equal((await get(`/${first}/extra`)).statusCode, 404, "what is another's is not found")
    t.equal((await get(`/${first}/two/who`)).statusCode, 404)
    t.match((await get(`/${second}/__dir__`)).json(), { modules: [{ name: 'extra' }, { name: 'two' }] })
    t.equal((await get(`/${first}/__dir__`)).json().modules.length, 1)
    t.match((await get(`/${second}/two/__dir__`)).json(), { name: 'two' })
    t.equal((await get(`/${first}/two/__dir__`)).statusCode, 404)
  })

  t.test('answers every other uuid alike', async t => {
    const { get } = await start(t)
    const others = [stranger, stranger.toUpperCase(), first.toUpperCase(), `${first}0`, first.slice(1), first.replaceAll('-', ''), `{${first}}`, 'undefined', 'one', 'who', '__proto__',
      'constructor', '..%2f', '%20', `${first}%00`, 'urn:uuid:' + first]
    for (const path of ['/who', '/one/who', '/who/1', '/__dir__', '/one/__dir__', '/nothing']) {
      const expected = await get(`/${stranger}${path}`)
      t.equal(expected.statusCode, 404)
      for (const other of others) {
        const answer = await get(`/${other}${path}`)
        t.equal(answer.statusCode, 404, `${other}${path}`)
        t.equal(answer.body, expected.body, `${other}${path}`)
        t.equal(answer.headers.allow, undefined)
      }
    }
    for (const path of ['', '/']) t.match((await get(path)).json(), { error: 'Not Found', message: /^Route GET:/ })
    for (const bare of [first, stranger, 'who']) {
      t.same((await get(`/${bare}`)).json(), { statusCode: 404, error: 'Not Found', message: `Route GET:/rest/services/${bare} not found` })
    }
  })

  t.test('`__ID__`', async t => {
    const ID = (value: string) => `export const __ID__ = ${value}`
    const cases: ReadonlyArray<[title: string, source: string, refused: RegExp | undefined]> = [
      ['of the owner', ID(`'${first}'`), undefined],
      ['of the owner, in upper case', ID(`'${first.toUpperCase()}'`), undefined],
      ['of another admin', ID(`'${second}'`), /another admin/],
      ['malformed', ID("'me'"), /no UUID/],
      ['computed', ID(`'${first}'.toLowerCase()`), /another form/],
      ['not a string', ID('5'), /another form/]
    ]
    for (const [title, source, refused] of cases) {
      t.test(title, async t => {
        const { app, get } = await start(t, { 'named.ts': moduleSource({ named: '{}, () => 1' }, source) })
        const { problems } = app.microservices.directory()
        t.equal((await get(`/${first}/named`)).statusCode, refused ? 404 : 200)
        t.equal((await get(`/${second}/named`)).statusCode, 404, 'it never moves to whom it names')
        t.equal((await get(`/${first}/who`)).statusCode, 200, 'its neighbours are served')
        if (refused) t.match(problems, [{ code: 'FMS_ERR_OWNER', owner: first, file: /named\.ts$/, message: refused }])
        else t.same(problems, [])
      })
    }
  })
})

t.test('single-tenant mode', async t => {
  const files = (id: string) => ({ 'named.ts': moduleSource({ named: '{}, (args, { owner }) => owner' }, `export const __ID__ = ${id}`), ...echo })

  t.test('reports a directory of a stranger, since it has no tenants, and serves the others', async t => {
    const path = t.testdir({ one: echo, other: { 'other.ts': moduleSource({ who: '{}, () => 1' }) } })
    const { app, url } = await build(t, { ADMIN_ID: first, plugins: [join(path, 'one'), `${second}=${join(path, 'other')}`] })
    t.equal((await app.inject(url('/echo'))).statusCode, 200)
    t.equal((await app.inject(url('/who'))).statusCode, 404)
    const { problems } = app.microservices.directory()
    t.match(problems, [{ code: 'FMS_ERR_OWNER', owner: second, file: /other$/, message: /ADMIN_ID.*MULTI_TENANT/ }])
    t.equal(problems.length, 1)
  })

  t.test('ignores `__ID__` without ADMIN_ID, whatever it is', async t => {
    for (const id of [`'${first}'`, "'me'", "['a', 'b'].join('')"]) {
      const { app, url } = await build(t, { files: files(id) })
      t.equal((await app.inject(url('/named'))).json(), 'local', id)
      t.same(app.microservices.directory().problems, [])
    }
  })

  t.test('with ADMIN_ID refuses one that differs', async t => {
    for (const id of [`'${second}'`, "'me'", `\`${first}\`.trim()`]) {
      const { app, url } = await build(t, { files: files(id), ADMIN_ID: first })
      t.equal((await app.inject(url('/named'))).statusCode, 404, id)
      t.equal((await app.inject(url('/echo'))).statusCode, 200)
      t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_OWNER', file: /named\.ts$/ }])
    }
  })

  t.test('with ADMIN_ID takes the same, and has no uuid in its URLs', async t => {
    const { app, url } = await build(t, { files: files(`'${first.toUpperCase()}'`), ADMIN_ID: first })
    t.equal((await app.inject(url('/named'))).json(), first)
    t.equal((await app.inject(url(`/${first}/named`))).statusCode, 404)
  })

  t.test('serves the directories of several admins at one base', async t => {
    const path = t.testdir({ one: { 'a.ts': moduleSource({ a: '{}, (args, { owner }) => owner' }) }, two: { 'b.ts': moduleSource({ b: '{}, (args, { owner }) => owner' }) } })
    const { app, url } = await build(t, { ADMIN_ID: [first, second], plugins: [join(path, 'one'), `${second}=${join(path, 'two')}`] })
    t.equal((await app.inject(url('/a'))).json(), first)
    t.equal((await app.inject(url('/b'))).json(), second)
  })
})
