import t from 'tap'
import { platformError } from '../../lib/errors.ts'
import { admin, adminCredentials, secrets, tenant } from '../owners/owners.ts'
import { FakeStore } from '../tenancy/fake-store.ts'
import { openDesk, unknown } from './desk.ts'

const { manage, call, audits, log, app, url } = await openDesk(t, { plans: { small: { turnMs: 50 } } })
const kid = adminCredentials.kid
const INFO = 30
const DEBUG = 20

const lines = () => audits().map(({ level, msg, audit }) => ({ level, msg, ...audit }))

t.test('each action leaves one line: who, what, on whom, and what came of it', async t => {
  audits()
  const done: Array<[string, ...Parameters<typeof manage>]> = [
    ['register', 'POST', 'register', { userid: 'ada', uuid: tenant }],
    ['disable', 'POST', 'disable', { uuid: tenant }],
    ['enable', 'POST', 'enable', { uuid: tenant.toUpperCase() }],
    ['limits', 'PUT', 'limits', { uuid: tenant, turnMs: 50 }],
    ['addKey', 'POST', 'keys', { uuid: tenant }],
    ['setEntry', 'PUT', 'environ', { uuid: tenant, name: 'A', value: 'x' }],
    ['removeEntry', 'DELETE', 'environ', { uuid: tenant, name: 'A' }],
    ['show', 'GET', `show/${tenant}`],
    ['list', 'GET', 'list'],
    ['listKeys', 'GET', `keys/${tenant}`],
    ['listEntries', 'GET', `environ/${tenant}`],
    ['remove', 'DELETE', `remove/${tenant}`]
  ]
  for (const [action, ...request] of done) {
    const answer = await manage(...request)
    t.ok(answer.statusCode < 300, answer.body)
    t.strictSame(lines(), [{
      level: request[0] === 'GET' ? DEBUG : INFO,
      msg: `audit: ${action}: done`,
      action,
      owner: admin,
      kid,
      ...action !== 'list' && { on: tenant },
      outcome: 'done',
      requestId: lastRequest()
    }], action)
  }
})

/** Ids of Fastify's count up. */
function lastRequest (): string {
  return [...log().matchAll(/"reqId":"(req-[0-9a-z]+)"/g)].at(-1)![1]!
}

t.test('a tenant registered without a UUID is named by the one that it got', async t => {
  const { uuid } = (await manage('POST', 'register', { userid: 'no uuid' })).json()
  t.match(lines(), [{ action: 'register', on: uuid, outcome: 'done' }])
})

t.test('what was refused is logged with what the caller was told', async t => {
  const refused: Array<[string, number, ...Parameters<typeof manage>]> = [
    ['register', 409, 'POST', 'register', { userid: 'no uuid' }],
    ['show', 404, 'GET', `show/${unknown}`],
    ['remove', 404, 'DELETE', `remove/${unknown}`],
    ['limits', 400, 'PUT', 'limits', { uuid: unknown, turnMS: 5 }],
    ['limits', 400, 'PUT', 'limits', { uuid: unknown, turnMs: 1 }],
    ['enable', 400, 'POST', 'enable', {}],
    ['enable', 400, 'POST', 'enable', { uuid: 'x' }]
  ]
  for (const [action, status, ...request] of refused) {
    const answer = await manage(...request)
    t.equal(answer.statusCode, status)
    t.match(lines(), [{ action, owner: admin, kid, outcome: 'refused', status, message: answer.json().message }], `${action} ${status}`)
  }
})

t.test('whoever has no token, or a used one, is logged as nobody', async t => {
  t.equal((await call(undefined, 'POST', `/${admin}/tenant-api/register`, { userid: 'x' })).statusCode, 401)
  t.match(lines(), [{ action: 'register', owner: admin, kid: undefined, outcome: 'refused', status: 401 }])
})

t.test('the log holds no key, no value and no token', async t => {
  const { uuid, keys } = (await manage('POST', 'register', { userid: 'secrets' })).json()
  const added = (await manage('POST', 'keys', { uuid })).json()
  await manage('PUT', 'environ', { uuid, name: 'PLAIN', value: 'a-plain-value' })
  await manage('PUT', 'environ', { uuid, name: 'SECRET', value: 'a-secret-value', secret: true })
  await manage('PUT', 'environ', { uuid, name: '1', value: 'a-refused-value', secret: true })
  await manage('PUT', 'environ', { uuid, name: 'A', value: ['a-refused-value'], secret: true })
  await manage('PUT', 'environ', { uuid, name: 'A', value: 'a-refused-value', secrets: true })
  const token = 'eyJhbGciOiJkaXIi.some.bad.token.x'
  await app.inject({ method: 'POST', url: url(`/${admin}/tenant-api/register`), headers: { authorization: `Bearer ${token}` }, payload: { userid: 'a-stranger' } })
  const text = log()
  for (const secret of [...keys, added].map(({ secret }: { secret: string }) => secret)) t.notOk(text.includes(secret), 'a key')
  for (const secret of ['a-plain-value', 'a-secret-value', 'a-refused-value', token, ...Object.values(secrets)]) t.notOk(text.includes(secret), secret)
})

t.test('what failed for another reason than the caller is logged as failed, and changes nothing', async t => {
  const store = new FakeStore()
  const other = await openDesk(t, { store })
  store.away = platformError('FMS_ERR_UNAVAILABLE', 'the disk is full')
  const answer = await other.manage('POST', 'register', { userid: 'ada' })
  t.match([answer.statusCode, answer.headers], [503, { 'retry-after': '1' }])
  t.match(other.audits().map(({ audit }) => audit), [{ action: 'register', owner: admin, outcome: 'failed', status: 503 }])
  store.away = undefined
  t.strictSame((await other.manage('GET', 'list')).json(), { tenants: [] })
  t.equal((await other.manage('POST', 'register', { userid: 'ada' })).statusCode, 200, 'all is well again')
})
