import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import t from 'tap'
import { moduleSource } from '../helper.ts'
import { adminCredentials, buildOwners, newKey, otherAdminCredentials, secrets, tenant } from './owners.ts'

const value = 'a-secret-value-of-the-tenant'
const env = { 'env.ts': moduleSource({ env: '{}, (args, { env }) => Object.keys(env).sort()', tell: '{}, (args, { env }) => env.TOLD', shout: "{}, (args, { env, log }) => { log.info('length ' + env.TOLD.length); throw new Error('no') }" }) }

/** All that is written below a directory. */
function contentsOf (directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    .map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1')).join('\n')
}

/** A secret as it may be written down: as it is, or in the encodings that programs choose by themselves. */
function spellings (secret: string): string[] {
  const bytes = Buffer.from(secret)
  const key = Buffer.from(secret, 'base64url')
  return [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex'), ...key.length === 32 ? [key.toString('hex'), key.toString('base64').replace(/=+$/, ''), key.toString('latin1')] : []]
}

t.test('no key and no secret value is in files, in logs, or in any answer but the first', async t => {
  let log = ''
  const stream = new Writable({ write (chunk, _encoding, done) { log += chunk; done() } })
  const owners = await buildOwners(t, { tenantFiles: { [tenant]: env }, fastify: { logger: { level: 'trace', stream } } })
  const { app, call, manage, dataDirectory } = owners
  const answers: string[] = []
  const { keys } = (await manage('POST', 'register', { userid: 'ada', uuid: tenant })).json()
  const added = (await manage('POST', 'keys', { uuid: tenant, kind: 'call' })).json()
  const all = [value, ...[...keys, added].map(({ secret }) => secret as string), ...Object.values(secrets)]

  const keep = async (answer: ReturnType<typeof manage>, status: number): Promise<void> => {
    const { statusCode, headers, body } = await answer
    answers.push(JSON.stringify(headers) + body)
    t.equal(statusCode, status, body)
  }
  await keep(manage('PUT', 'environ', { uuid: tenant, name: 'TOLD', value, secret: true }), 200)
  await keep(manage('PUT', 'environ', { uuid: tenant, name: 'PLAIN', value: 'plain' }), 200)
  t.equal((await call(undefined, 'GET', `/${tenant}/tell`)).json(), value, 'its own code has it')
  t.equal(app.microservices.status()?.cells.find(({ owner }) => owner === tenant)?.use, 'dedicated', 'in a cell of its own')
  await keep(call(undefined, 'GET', `/${tenant}/env`), 200)
  await keep(call(undefined, 'GET', `/${tenant}/shout`), 500)
  for (const action of [`environ?uuid=${tenant}`, `keys?uuid=${tenant}`, `show/${tenant}`, 'list']) await keep(manage('GET', action), 200)
  await keep(manage('PUT', 'environ', { uuid: tenant, name: 'no name', value, secret: true }), 400)
  await keep(manage('PUT', 'environ', { uuid: tenant, name: 'TOLD', value: [value], secret: true }), 400)
  await keep(manage('PUT', 'environ', { uuid: tenant, name: 'TOLD', value: value.repeat(400), secret: true }), 400)
  await keep(manage('PUT', 'environ', { uuid: tenant, name: 'TOLD', value, secret: true }, otherAdminCredentials), 404)
  await keep(call(adminCredentials, 'GET', `/${adminCredentials.kid.slice(0, 36)}/__directory__`), 200)
  answers.push(JSON.stringify(app.microservices.logs(tenant)), JSON.stringify(app.microservices.directory()))
  await app.close()

  t.match(log, /"audit":\{"action":"register"/, 'the log was kept')
  t.match(answers.join(''), '"PLAIN","value":"plain"', 'and the answers')
  t.ok(contentsOf(dataDirectory).includes(tenant), 'and the files were read')
  for (const [i, secret] of all.entries()) {
    for (const text of spellings(secret)) {
      t.notOk(log.includes(text), `secret ${i} is not in the log`)
      t.notOk(answers.some(answer => answer.includes(text)), `secret ${i} is in no answer`)
      t.notOk(contentsOf(dataDirectory).includes(text), `secret ${i} is in no file`)
    }
  }
})

t.test('a change of an entry is live with the next call, and one tenant sees nothing of another\'s', async t => {
  const other = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'
  const source = () => ({ 'env.ts': moduleSource({ env: '{}, (args, { env }) => env' }) })
  const { call, manage } = await buildOwners(t, {
    tenantFiles: { [tenant]: source(), [other]: source() }, tenants: { [tenant]: { env: { A: 'configured', B: 'configured' } }, [other]: {} }
  })
  const seen = async (uuid: string) => (await call(undefined, 'GET', `/${uuid}/env`)).json()
  t.strictSame([await seen(tenant), await seen(other)], [{ A: 'configured', B: 'configured' }, {}])
  await manage('PUT', 'environ', { uuid: tenant, name: 'A', value: 'registered' })
  t.strictSame(await seen(tenant), { A: 'registered', B: 'configured' })
  await manage('PUT', 'environ', { uuid: tenant, name: 'A', value: 'secret', secret: true })
  t.strictSame([await seen(tenant), await seen(other)], [{ A: 'secret', B: 'configured' }, {}])
  await manage('DELETE', 'environ', { uuid: tenant, name: 'A' })
  t.strictSame(await seen(tenant), { A: 'configured', B: 'configured' })
})

t.test('a start with another SECRETS_KEY is refused, and with the old one beside a new one all is there', async t => {
  const first = await buildOwners(t, { tenantFiles: { [tenant]: env } })
  const { keys: [key] } = (await first.manage('POST', 'register', { userid: 'ada', uuid: tenant })).json()
  await first.manage('PUT', 'environ', { uuid: tenant, name: 'TOLD', value, secret: true })
  await first.app.close()
  const again = { DATA_DIR: first.dataDirectory, TENANTS_DIR: first.tenantsDirectory, plugins: [] }

  await t.test('another', async t => {
    await t.rejects(buildOwners(t, { ...again, SECRETS_KEY: newKey() }), { code: 'FMS_ERR_STORE', message: /SECRETS_KEY: expected/ })
  })
  const fresh = newKey()
  await t.test('both', async t => {
    const rotated = Promise.withResolvers<void>()
    const stream = new Writable({ write (chunk, _encoding, done) { if (/SECRETS_KEY: \d+ secrets are sealed with the first key/.test(String(chunk))) rotated.resolve(); done() } })
    const { call } = await buildOwners(t, { ...again, SECRETS_KEY: [fresh, secrets.secretsKey], fastify: { logger: { level: 'info', stream } } })
    t.equal((await call({ kid: key.kid, secret: key.secret }, 'GET', `/${tenant}/tell`)).json(), value)
    await rotated.promise
  })
  await t.test('the new one alone', async t => {
    const { call } = await buildOwners(t, { ...again, SECRETS_KEY: fresh })
    t.equal((await call({ kid: key.kid, secret: key.secret }, 'GET', `/${tenant}/tell`)).json(), value)
  })
})
