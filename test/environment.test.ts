import t from 'tap'
import { serve, write } from './elevation/installations.ts'
import { moduleSource, temporaryDirectory } from './helper.ts'

const look = moduleSource({
  look: `{ params: ['name'] }, ({ name }, { env }) => ({
    value: env[name] ?? null, isIn: name in env, isListed: Object.keys(env).includes(name), isSpread: Object.hasOwn({ ...env }, name)
  })`,
  set: "{ method: 'POST' }, ({ name, value }) => { process.env[name] = value; return true }"
})

t.test('trusted code finds in context.env what .env says, beneath the process environment', async t => {
  const folder = temporaryDirectory(t)
  write(folder, { 'plugins/env.ts': look, '.env': "OF_FILE='it''s'\nOF_FILE=\"it's # of the file\"\nBOTH=file\nEMPTY=\nTOKENS=off\n" })
  const { call } = await serve(t, folder, { BOTH: 'process', OF_PROCESS: 'process' })
  const there = { isIn: true, isListed: true, isSpread: true }
  for (const [name, value] of [['OF_FILE', "it's # of the file"], ['BOTH', 'process'], ['OF_PROCESS', 'process'], ['EMPTY', ''], ['TOKENS', 'off']] as const) {
    t.strictSame((await call(`/look/${name}`)).body, { value, ...there }, name)
  }
  for (const name of ['NOWHERE', 'hasOwnProperty2']) t.strictSame((await call(`/look/${name}`)).body, { value: null, isIn: false, isListed: false, isSpread: false })

  await call('/set', { method: 'POST', payload: { name: 'LATER', value: 'now' } })
  await call('/set', { method: 'POST', payload: { name: 'OF_FILE', value: 'now' } })
  for (const name of ['LATER', 'OF_FILE']) t.strictSame((await call(`/look/${name}`)).body, { value: 'now', ...there }, 'as it is when it is looked at')
})

t.test('what SECRETS names is masked where it stands in .env as well', async t => {
  const folder = temporaryDirectory(t)
  write(folder, { 'plugins/a.ts': moduleSource({ one: "{ summary: 'says hush-hush' }, () => 1" }), '.env': 'SECRETS=WORD,OTHER\nWORD=hush-hush\n' })
  const { call } = await serve(t, folder)
  const { body } = await call('/__dir__')
  t.match(JSON.stringify(body), 'says [secret]')
  t.notMatch(JSON.stringify(body), 'hush-hush')
})

t.test('options of code do not come from the environment, whatever it happens to hold', async t => {
  const folder = temporaryDirectory(t)
  const others = { prefix: '/elsewhere', envelope: 'true', directory: 'false', env: 'false', watch: 'x', store: 'y', versionsKept: '0' }
  write(folder, { 'plugins/env.ts': look, '.env': Object.entries(others).map(([name, value]) => `${name}=${value}\n`).join('') })
  const { call } = await serve(t, folder, others)
  t.match(await call('/look/prefix'), { status: 200, body: { value: '/elsewhere' } })
})
