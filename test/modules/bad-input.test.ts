import t from 'tap'
import { admin, adminCredentials, otherAdmin } from '../owners/owners.ts'
import { openDesk, unknown } from './desk.ts'

const { manage, register, app, url, token } = await openDesk(t)
const { uuid, keys } = await register('someone')

/** Every endpoint that takes the UUID of a tenant, with what else it needs. */
const actions = [
  ['GET', 'show', {}], ['POST', 'enable', {}], ['POST', 'disable', {}], ['DELETE', 'remove', {}], ['GET', 'keys', {}], ['POST', 'keys', {}],
  ['DELETE', 'keys', { kid: keys[0]!.kid }], ['PUT', 'limits', { turnMs: 50 }], ['GET', 'environ', {}], ['PUT', 'environ', { name: 'A', value: 'x' }],
  ['DELETE', 'environ', { name: 'A' }]
] as const

const send = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', action: string, args: Record<string, unknown>) => method === 'GET'
  ? manage(method, `${action}?${new URLSearchParams(args as Record<string, string>)}`)
  : manage(method, action, args)

const malformed = ['', 'x', uuid.slice(0, -1), `${uuid}0`, uuid.replaceAll('-', ''), `{${uuid}}`, `urn:uuid:${uuid}`, ` ${uuid}`, `${uuid}\n`, `${uuid}\0`,
  uuid.replace(/.$/, 'g'), '__proto__', 'constructor', '../../etc/passwd', 'x'.repeat(100_000), '０'.repeat(36)]

for (const [method, action, more] of actions) {
  t.test(`${method} ${action} refuses what is no UUID, and says what is`, async t => {
    for (const text of malformed.filter(text => method !== 'GET' || text.length < 1_000)) {
      const answer = await send(method, action, { uuid: text, ...more })
      t.match([answer.statusCode, answer.json().message], [400, /uuid: expected a UUID/], JSON.stringify(text.slice(0, 50)))
      t.ok(answer.body.length < 700)
    }
    if (method !== 'GET') {
      for (const value of [null, 5, true, {}, [], [uuid], [uuid, uuid]]) t.equal((await send(method, action, { uuid: value, ...more })).statusCode, 400, JSON.stringify(value))
    }
    t.equal((await send(method, action, more)).statusCode, 400, 'none')
  })

  t.test(`${method} ${action} tells who is no tenant alike`, async t => {
    const answer = await send(method, action, { uuid: unknown, ...more })
    t.match(answer, { statusCode: 404 })
    if (action === 'keys') return
    for (const other of [admin, otherAdmin]) t.match((await send(method, action, { uuid: other, ...more })).statusCode, /^40[04]$/, 'an admin is no tenant')
  })

  t.test(`${method} ${action} refuses arguments that it does not know`, async t => {
    for (const name of ['UUID', 'turnMS', 'force', 'toString']) {
      const answer = await send(method, action, { uuid: unknown, ...more, [name]: '1' })
      t.match([answer.statusCode, answer.json().message], [400, RegExp(`expected no arguments but uuid.*; found "${name}"`)], name)
    }
  })
}

t.test('nothing of that did anything', async t => {
  t.match((await manage('GET', `show/${uuid}`)).json(), { enabled: true, ownLimits: {} })
  t.equal((await manage('GET', `keys/${uuid}`)).json().keys.length, 2)
  t.strictSame((await manage('GET', `environ/${uuid}`)).json(), { entries: [] })
})

t.test('register refuses userids and UUIDs that are none, or taken', async t => {
  const refused = async (status: number, args: object, message: RegExp) => {
    const answer = await manage('POST', 'register', args)
    t.match([answer.statusCode, answer.json().message], [status, message], JSON.stringify(args).slice(0, 60))
  }
  await refused(409, { userid: 'someone' }, /userid/)
  await refused(409, { userid: 'new', uuid }, /uuid/)
  await refused(409, { userid: 'new', uuid: uuid.toUpperCase() }, /uuid/)
  await refused(409, { userid: 'new', uuid: admin }, /uuid/)
  await refused(409, { userid: 'new', uuid: otherAdmin }, /uuid/)
  for (const text of malformed) await refused(400, { userid: 'new', uuid: text }, /uuid: expected a UUID/)
  for (const userid of ['', 'x'.repeat(201), 'a\0', 'a\nb', '\x7f', '\u0085', '\ud83d', null, 5, true, {}, [], ['a'], ['a', 'b']]) await refused(400, { userid }, /userid/)
  await refused(400, {}, /userid/)
  await refused(400, { userid: 'new', enabled: false }, /no arguments but userid, uuid; found "enabled"/)
  t.equal((await manage('GET', 'list')).json().tenants.length, 1, 'nobody was added')
})

t.test('userids are any other text, each its own', async t => {
  for (const userid of ['x'.repeat(200), '🦊'.repeat(200), 'Someone', 'someone ', '__proto__', 'constructor', 'é', 'e\u0301', '$where', '{"$ne":null}', "'; drop table owners; --", '../x', 'a.b', '%00', '0']) {
    const answer = await manage('POST', 'register', { userid })
    t.equal(answer.statusCode, 200, userid.slice(0, 20))
    t.equal((await manage('GET', `show/${answer.json().uuid}`)).json().userid, userid)
    t.equal((await manage('POST', 'register', { userid })).statusCode, 409)
    t.equal((await manage('DELETE', `remove/${answer.json().uuid}`)).statusCode, 204)
  }
})

t.test('list refuses pages that are none', async t => {
  for (const query of ['limit=0', 'limit=1001', 'limit=-1', 'limit=1.5', 'limit=x', 'limit=', 'limit=1e9', 'after=x', 'after=', `after=${uuid}0`, 'page=2']) {
    t.equal((await manage('GET', `list?${query}`)).statusCode, 400, query)
  }
})

t.test('payloads that are no objects, and methods that are none, are refused', async t => {
  for (const text of ['[]', '"x"', 'null', '5', '{', '{"uuid":"a","uuid":']) {
    const path = `/${admin}/tenant-api/enable`
    const headers = { authorization: `Bearer ${await token(adminCredentials, 'POST', path, text)}`, 'content-type': 'application/json' }
    t.equal((await app.inject({ method: 'POST', url: url(path), headers, payload: text })).statusCode, 400, text)
  }
  for (const [method, action] of [['GET', 'register'], ['POST', 'list'], ['PUT', 'remove'], ['GET', 'limits'], ['POST', 'environ'], ['PUT', 'keys']] as const) {
    t.equal((await manage(method, action)).statusCode, 404, `${method} ${action}`)
  }
  t.equal((await manage('GET', `show/${uuid}/more`)).statusCode, 404)
})
