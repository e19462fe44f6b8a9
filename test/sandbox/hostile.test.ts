import { readFileSync } from 'node:fs'
import t from 'tap'
import { readPrograms } from './hostile-programs.ts'

const programs = readPrograms()
/** Of the classes of attack that need a tenant's code, fewest programs each. */
const least = { cpu: 40, memory: 30, crash: 20, escape: 40, between: 10, reload: 20 }

t.test('there are programs of each class', async t => {
  for (const [attackClass, count] of Object.entries(least)) {
    t.ok(programs.filter(program => program.attackClass === attackClass).length >= count, `${attackClass}: ${count} or more`)
  }
  t.strictSame([...new Set(programs.map(({ attackClass }) => attackClass))].sort(), Object.keys(least).sort())
  t.ok(programs.length >= 80)
})

t.test('each says what it shows, and what is expected of each of its calls', async t => {
  for (const { attackClass, name, shows, steps } of programs) {
    const isWhole = shows !== '' && steps.length > 0 && steps.every(({ path, expected }) => path.startsWith('/') && expected.length > 0)
    if (!isWhole) t.fail(`${attackClass}/${name}`)
  }
  const said = programs.map(({ attackClass, shows }) => `${attackClass}: ${shows}`)
  t.strictSame(said.filter((text, i) => said.indexOf(text) !== i && !/no timeout/.test(text)), [], 'each shows something else')
})

t.test('no two of a class have an endpoint in common', async t => {
  const seen = new Map<string, string>()
  for (const { attackClass, name, file } of programs) {
    for (const [, api] of readFileSync(file, 'utf8').matchAll(/api: '([-\w]+)'/g)) {
      const key = `${attackClass} ${api}`
      const other = seen.get(key)
      if (other !== undefined && other !== name) t.fail(`${key}: ${other} and ${name}`)
      seen.set(key, name)
    }
  }
  t.ok(seen.size >= programs.length)
})
