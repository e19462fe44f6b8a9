import t from 'tap'
import { moduleSource } from '../helper.ts'
import { tenant } from '../owners/owners.ts'
import { openDesk } from './desk.ts'

const KB = 1024
const desk = await openDesk(t, { tenantFiles: { [tenant]: { 'a.ts': moduleSource({ tell: '{}, (args, { env }) => env' }) } } })
const { manage, call, register, log, app } = desk
await manage('POST', 'register', { userid: 'environment', uuid: tenant })
// Made now, however long this machine takes.
await app.microservices.refresh()

const set = (entry: object) => manage('PUT', 'environ', { uuid: tenant, ...entry })
const entries = async (uuid = tenant) => (await manage('GET', `environ/${uuid}`)).json().entries
const seen = async () => (await call(undefined, 'GET', `/${tenant}/tell`)).json()

t.test('entries are what the tenant\'s code finds in context.env', async t => {
  t.strictSame((await set({ name: 'B', value: 'two' })).json(), { name: 'B', value: 'two' })
  t.strictSame((await set({ name: 'A_1', value: '' })).json(), { name: 'A_1', value: '' })
  t.strictSame(await entries(), [{ name: 'A_1', value: '' }, { name: 'B', value: 'two' }], 'by name')
  t.strictSame(await seen(), { A_1: '', B: 'two' })
  await set({ name: 'B', value: 'three' })
  t.strictSame(await seen(), { A_1: '', B: 'three' }, 'a new value takes the old one\'s place')
  const removed = await manage('DELETE', 'environ', { uuid: tenant, name: 'B' })
  t.strictSame([removed.statusCode, removed.body], [204, ''])
  t.equal((await manage('DELETE', `environ/${tenant}/A_1`)).statusCode, 204)
  t.equal((await manage('DELETE', `environ/${tenant}/A_1`)).statusCode, 404, 'it is gone')
  t.strictSame([await entries(), await seen()], [[], {}])
})

t.test('a secret reaches the tenant\'s code, and is never shown', async t => {
  const value = 'the-secret-of-the-tenant'
  const answers = [await set({ name: 'KEY', value, secret: true }), await manage('GET', `environ/${tenant}`), await manage('GET', `show/${tenant}`), await manage('GET', 'list')]
  t.strictSame(answers[0]!.json(), { name: 'KEY', secret: true })
  t.strictSame(answers[1]!.json(), { entries: [{ name: 'KEY', secret: true }] })
  for (const { body, statusCode } of answers) t.ok(statusCode === 200 && !body.includes(value))
  t.strictSame(await seen(), { KEY: value })
  t.notOk(log().includes(value), 'nor logged')
  t.equal((await manage('GET', `show/${tenant}`)).json().isolation, 'dedicated', 'it has processes of its own from now on')

  t.strictSame((await set({ name: 'KEY', value: 'plain' })).json(), { name: 'KEY', value: 'plain' }, 'a plain value takes its place')
  t.strictSame(await entries(), [{ name: 'KEY', value: 'plain' }])
  t.equal((await manage('GET', `show/${tenant}`)).json().isolation, 'shared')
  await manage('DELETE', `environ/${tenant}/KEY`)
})

t.test('names that are none are refused', async t => {
  for (const name of ['', '1A', 'A-B', 'A B', 'A=B', 'Ä', 'A\0', 'A\n', '.', '__proto__', 'constructor', 'prototype', 'A'.repeat(129), null, 5, {}, ['A']]) {
    const answer = await set({ name, value: 'x' })
    t.match([answer.statusCode, answer.json().message], [400, /name/], JSON.stringify(name)?.slice(0, 40))
  }
  t.equal((await set({ value: 'x' })).statusCode, 400, 'no name')
  t.strictSame(await entries(), [])
})

t.test('names that objects have of themselves are names like any other', async t => {
  const names = ['toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'A'.repeat(128), '_', 'length', 'then'].sort()
  for (const name of names) {
    t.equal((await manage('DELETE', `environ/${tenant}/${name}`)).statusCode, 404, `${name} is not there`)
    t.equal((await set({ name, value: name })).statusCode, 200, name)
  }
  t.strictSame(await entries(), names.map(name => ({ name, value: name })))
  t.strictSame(await seen(), Object.fromEntries(names.map(name => [name, name])))
  for (const name of names) t.equal((await manage('DELETE', `environ/${tenant}/${name}`)).statusCode, 204, name)
  t.strictSame(await seen(), {})
})

t.test('values that are none are refused, and not quoted', async t => {
  for (const value of [null, 5, true, {}, { secret: 'quoted?' }, ['quoted?'], 'quoted?'.repeat(2 * KB), 'é'.repeat(4 * KB + 1), 'half of a pair: \ud83d']) {
    const answer = await set({ name: 'A', value, secret: true })
    t.match([answer.statusCode, answer.json().message], [400, /value/], JSON.stringify(value).slice(0, 40))
    t.notMatch(answer.body, /quoted/)
  }
  t.equal((await set({ name: 'A' })).statusCode, 400, 'no value')
  for (const secret of [null, 'true', 0, 1, 'yes', []]) t.equal((await set({ name: 'A', value: 'x', secret })).statusCode, 400, JSON.stringify(secret))
  const inUrl = await manage('PUT', `environ?uuid=${tenant}&name=A&value=x`)
  t.match([inUrl.statusCode, inUrl.json().message], [400, /payload/], 'a value in the URL would be in logs')
  t.strictSame(await entries(), [])
  t.notMatch(log(), /quoted/)
})

t.test('any text is a value', async t => {
  const values = ['é'.repeat(4 * KB), 'a\0b', '\u202e\u0000\ufeff"\\\n', '🦊', '__proto__', '$A', "'; drop table owners; --", '{"$gt":""}', ' ']
  for (const secret of [false, true]) {
    for (const [i, value] of values.entries()) t.equal((await set({ name: `ANY_${i}`, value, secret })).statusCode, 200)
    t.strictSame(await seen(), Object.fromEntries(values.map((value, i) => [`ANY_${i}`, value])), secret ? 'secret' : 'plain')
  }
})

t.test('a tenant has 100 entries, and 64 KB of them, at most', async t => {
  const { uuid } = await register('many entries')
  const add = (name: string, value: string) => manage('PUT', 'environ', { uuid, name, value })
  for (let i = 0; i < 100; i++) await add(`E${i}`, 'x')
  t.match(await add('E100', 'x'), { statusCode: 409 })
  t.match(await add('E99', 'y'), { statusCode: 200 }, 'one that is there may change')
  t.equal((await entries(uuid)).length, 100)

  const large = (await register('large entries')).uuid
  const codes = []
  for (let i = 0; i < 9; i++) codes.push((await manage('PUT', 'environ', { uuid: large, name: `E${i}`, value: 'x'.repeat(8 * KB - 2), secret: i % 2 === 0 })).statusCode)
  t.strictSame(codes, [...Array(8).fill(200), 409])
})
