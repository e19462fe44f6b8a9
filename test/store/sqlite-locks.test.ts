import t from 'tap'
import { someOwner } from '../../lib/store/contract/stores.ts'
import { openStore, otherProcess } from './sqlite-helper.ts'

t.test('while another process holds the lock, reading goes on and writing waits', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const { line, go } = otherProcess(t, 'lock', directory)
  t.equal(await line(), 'locked')
  let isAdded = false
  const adding = store.addOwner(someOwner()).then(answer => { isAdded = true; return answer })
  for (let i = 0; i < 20; i++) t.strictSame((await store.changes()).owners, [])
  t.notOk(isAdded)
  go()
  t.equal(await adding, 'added')
})

t.test('a lock that stays: writing fails after some seconds, has done nothing, and works as soon as the lock is gone', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const { line, go, ended } = otherProcess(t, 'lock', directory)
  t.equal(await line(), 'locked')
  const refused = someOwner()
  const [another] = await Promise.all([
    otherProcess(t, 'open', directory).line(),
    t.rejects(store.addOwner(refused), { code: 'FMS_ERR_UNAVAILABLE', headers: { 'retry-after': '1' }, message: /store\.sqlite is locked by another process/ })
  ])
  t.match(another, /^FMS_ERR_STORE the store cannot be used: .*store\.sqlite is locked by another process/)
  t.strictSame((await store.changes()).owners, [])
  go()
  await ended
  t.equal(await store.addOwner(refused), 'added')
})
