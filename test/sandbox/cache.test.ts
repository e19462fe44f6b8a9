import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Cache } from '../../lib/sandbox/workshop/cache.ts'

function open (t: Test): { cache: Cache, directory: string } {
  const directory = join(t.testdir({}), 'cache')
  const cache = new Cache(directory)
  t.teardown(() => cache.close())
  return { cache, directory }
}

t.test('what was written is read, by anybody who comes later', async t => {
  const { cache, directory } = open(t)
  await cache.write('a', 'code', 'text')
  await cache.write('a', 'map', Buffer.from([0, 255]))
  const other = new Cache(directory)
  t.equal((await other.read('a', 'code'))?.toString(), 'text')
  t.strictSame(other.readSync('a', 'map'), Buffer.from([0, 255]))
  t.equal(await other.read('a', 'checks'), undefined)
  t.equal(other.readSync('b', 'code'), undefined)
  t.strictSame(readdirSync(directory).toSorted(), ['a.code', 'a.map'], 'and nothing else is left')
})

t.test('what is not as it was written is not there', async t => {
  const { cache, directory } = open(t)
  const file = join(directory, 'a.code')
  const damage: Array<() => void> = [
    () => truncateSync(file, 70), () => truncateSync(file, 0), () => writeFileSync(file, 'garbage'),
    () => writeFileSync(file, readFileSync(file).fill(1, 66, 67))
  ]
  for (const harm of damage) {
    await cache.write('a', 'code', 'some text')
    harm()
    t.equal(cache.readSync('a', 'code'), undefined)
    t.equal(await cache.read('a', 'code'), undefined)
  }
})

t.test('what is no longer in use is removed, the oldest first', async t => {
  const { cache, directory } = open(t)
  await cache.write('kept', 'code', 'text')
  for (let i = 0; i < 500; i++) {
    await cache.write(`old${i}`, 'description', `${i}`)
    cache.forget(`old${i}`)
  }
  await cache.close()
  const names = readdirSync(directory)
  t.ok(names.length < 250, `${names.length} are left`)
  t.ok(names.includes('kept.code'))
  t.ok(names.includes('old499.description'))
})
