import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import type { Store } from '../../types/store.ts'
import { alteredStore } from '../deploy/altered-store.ts'
import { moduleSource, temporaryDirectory } from '../helper.ts'
import { admin, adminCredentials, type Credentials, tenant } from '../owners/owners.ts'
import { openUploads, sealed } from './uploads.ts'

const saying = (text: string, more = ''): string => moduleSource({ hello: `{}, () => '${text}'` }, more)
const lost = (): never => { throw new Error('the disk was pulled out') }

/** What the store does in another way, while a test says so. */
const altered: Parameters<typeof alteredStore>[1] = {}
const store: Store = new SqliteStore({ directory: join(temporaryDirectory(t), 'data') })
const desk = await openUploads(t, { store: alteredStore(store, altered) })
const { send, ask, call, versions, onDisk, dataDirectory } = desk
await send(saying('live'))
const mine = { owner: admin, by: adminCredentials, type: 'application/jose' }
await send(await sealed(saying('live'), { owner: admin }), mine)

/** All that an upload could have left. */
async function state (): Promise<unknown> {
  return {
    answers: await Promise.all([tenant, admin].map(async owner => (await call(undefined, 'GET', `/${owner}/hello/hello`)).body)),
    versions: [await versions(), (await ask('GET', 'versions', undefined, adminCredentials, admin)).json()],
    stored: [...await store.versions(tenant), ...await store.versions(admin)],
    disk: onDisk()
  }
}

function leavesNothing (name: string, run: (t: Test) => Promise<void>): void {
  t.test(name, async t => {
    const before = await state()
    await run(t)
    for (const method of Object.keys(altered) as Array<keyof Store>) delete altered[method]
    // What was live for a moment is followed by what was before, with the next look at the latest.
    for (const end = Date.now() + 10_000; Date.now() < end && !isDeepStrictEqual(await state(), before);) await turn()
    t.strictSame(await state(), before)
  })
}

leavesNothing('the store cannot say what there is', async t => {
  altered.versions = lost
  t.equal((await send(saying('new'))).statusCode, 503)
})

leavesNothing('the store cannot say whether a seal was used', async t => {
  altered.consume = (own, uses) => uses.some(({ id }) => id.includes(' seal ')) ? lost() : own(uses)
  t.equal((await send(await sealed(saying('new'), { owner: admin }), mine)).statusCode, 503)
})

leavesNothing('its key is removed after its token was looked at', async t => {
  const key = (await desk.manage('POST', 'keys', { uuid: tenant, kind: 'manage' })).json<Credentials>()
  altered.consume = async (own, uses) => {
    const answer = await own(uses)
    await store.removeKey({ uuid: tenant, admin }, key.kid.slice(tenant.length + 1))
    const known = Promise.withResolvers<void>()
    let looks = 0
    // When the second look begins, what the first has seen is known.
    altered.changes = (own, cursor) => {
      if (++looks === 2) known.resolve()
      return own(cursor)
    }
    // The wait for the next look lets a process end, as nothing else of this one would keep it.
    const alive = setInterval(() => {}, 1_000)
    await known.promise.finally(() => clearInterval(alive))
    return answer
  }
  t.match((await send(saying('new'), { by: key })).json(), { statusCode: 401, code: 'FMS_ERR_TOKEN' })
})

leavesNothing('the module is broken', async t => {
  t.equal((await send('export const x =')).statusCode, 422)
  t.equal((await send(await sealed("throw new Error('no')", { owner: admin }), mine)).statusCode, 422)
})

leavesNothing('its files cannot be written', async t => {
  const [uploads, away] = ['uploads', 'uploads-away'].map(name => join(dataDirectory, name)) as [string, string]
  renameSync(uploads, away)
  writeFileSync(uploads, '')
  const answer = await send(saying('new'))
  t.match([answer.statusCode, answer.json().message], [503, 'Service Unavailable'], 'whose fault it is, and no path of ours')
  rmSync(uploads)
  renameSync(away, uploads)
})

leavesNothing('the store cannot keep it', async t => {
  altered.addVersion = lost
  t.equal((await send(saying('new'))).statusCode, 503)
  t.equal((await send(await sealed(saying('new'), { owner: admin }), mine)).statusCode, 503)
})

leavesNothing('the store keeps it, and cannot say so', async t => {
  altered.addVersion = async (own, ...args) => await own(...args) ? lost() : false
  t.equal((await send(saying('new'))).statusCode, 503)
})

leavesNothing('the store cannot activate it', async t => {
  altered.activate = lost
  t.equal((await send(saying('new'))).statusCode, 503)
})

leavesNothing('its __start__ fails', async t => {
  const source = saying('new', "export const __start__ = () => { throw new Error('not today') }")
  t.match((await send(await sealed(source, { owner: admin }), mine)).json(), { statusCode: 422, message: /^index\.ts:.*not today/ })
})

leavesNothing('its __start__ fails, when it is to be live again', async t => {
  const source = saying('new', "export const __start__ = () => { throw new Error('not today') }")
  const { version } = (await send(await sealed(source, { owner: admin }), { ...mine, query: '?activate=false' })).json()
  t.match((await ask('POST', 'activate', { module: 'hello', version }, adminCredentials, admin)).json(), { statusCode: 422, message: /not today/ })
  t.equal((await ask('DELETE', `remove/hello?version=${version}`, undefined, adminCredentials, admin)).statusCode, 204)
})

t.test('what is old and cannot be removed keeps nobody from what is new', async t => {
  for (let i = 0; i < 10; i++) await send(saying(`before ${i}`), { query: '?activate=false' })
  altered.removeVersion = lost
  t.equal((await send(saying('new'))).statusCode, 200)
  delete altered.removeVersion
  t.equal((await versions()).length, 11)
  t.equal((await send(saying('newer'))).statusCode, 200)
  t.equal((await versions()).length, 10, 'it goes with the next')
})

t.test('the app closes amid an upload', async t => {
  let closing: Promise<void> | undefined
  altered.addVersion = (own, ...args) => {
    closing = desk.app.close()
    return own(...args)
  }
  const { statusCode } = await send(saying('the last'))
  t.ok([200, 503].includes(statusCode), String(statusCode))
  await closing
})
