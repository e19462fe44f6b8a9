import { realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Bundler } from '../../lib/catalog/bundle.ts'
import { ModuleError } from '../../lib/source/problem.ts'

const uuid = '70dd81e5-961a-470e-9e88-63d828674757'
const bundler = new Bundler()
t.teardown(() => bundler.close())

const directory = await realpath(t.testdir())
const identity = async (source: string, name = 'main.ts') => {
  const file = join(directory, name)
  await writeFile(file, source)
  return await bundler.identity(file)
}

async function problemOf (promise: Promise<unknown>) {
  const error = await promise.then(() => { throw new Error('expected a failure') }, error => error)
  if (!(error instanceof ModuleError)) throw error
  return error.problem
}

t.test('a literal is read', async t => {
  for (const source of [
    `export const __ID__ = '${uuid}'`,
    `export const __ID__ = "${uuid}"`,
    `export const __ID__ = \`${uuid}\``,
    `export const __ID__: string = '${uuid}' as const`,
    `export const __alias__ = 'v1', __ID__ = '${uuid}'`,
    `await 1\nusing x = null\n@((c: unknown) => c as never) class C {}\nimport data from './data.json' with { type: 'json' }\nenum E { A }\nexport const __ID__ = '${uuid}'`,
  ]) t.equal(await identity(source), uuid, source)
  t.equal(await identity(`#!/usr/bin/env node\nexport const __ID__ = '${uuid}'`, 'main.mjs'), uuid)
  t.equal(await identity('export const __ID__ = \'no uuid\''), 'no uuid', 'what it means is for others to say')
})

t.test('there is none where none is exported', async t => {
  for (const source of [
    '',
    'export const a = 1',
    'this is no JavaScript, but nobody needs to know yet',
    `const __ID__ = '${uuid}'`,
    `// export const __ID__ = '${uuid}'`,
    `export const text = "export const __ID__ = '${uuid}'"`,
    `export const f = () => { const __ID__ = '${uuid}'; return __ID__ }`,
    'export type __ID__ = string',
    'export { __ID__ as other }\nconst __ID__ = 1',
    'export * from "./__ID__.ts"',
    'export default function __ID__ () {}'
  ]) t.equal(await identity(source), undefined, source)
})

t.test('any other form is refused, with its line', async t => {
  for (const form of [
    `export let __ID__ = '${uuid}'`,
    `export var __ID__ = '${uuid}'`,
    'export const __ID__ = process.env.ID',
    'export const __ID__ = 1',
    `export const __ID__ = '${uuid.slice(0, 8)}' + '${uuid.slice(8)}'`,
    'export const __ID__ = `$' + '{name}`',
    `const id = '${uuid}'; export { id as __ID__ }`,
    `const id = '${uuid}'; export { id as '__ID__' }`,
    `const __ID__ = '${uuid}'; export { __ID__ }`,
    'export { __ID__ } from "./other.ts"',
    'export * as __ID__ from "./other.ts"',
    `export const { __ID__ } = { __ID__: '${uuid}' }`,
    `export const [__ID__] = ['${uuid}']`,
    'export function __ID__ () {}',
    'export class __ID__ {}',
    `export enum __ID__ { A = '${uuid}' }`
  ]) {
    t.match(await problemOf(identity(`interface Gone {}\n\n${form}`)),
      { code: 'FMS_ERR_OWNER', file: join(directory, 'main.ts'), line: 3, message: /expected export const __ID__ = '<uuid>'/ }, form)
  }
})

t.test('nothing is run', async t => {
  t.equal(await identity(`throw new Error('ran')\nimport 'absent'\nexport const __ID__ = '${uuid}'`), uuid)
})

t.test('what cannot be read or parsed is a load error', async t => {
  t.match(await problemOf(identity('\nexport const __ID__ = ;')), { code: 'FMS_ERR_MODULE', file: join(directory, 'main.ts'), line: 2 })
  t.match(await problemOf(bundler.identity(join(directory, 'absent.ts'))), { code: 'FMS_ERR_MODULE', message: /cannot read .*ENOENT/ })
})
