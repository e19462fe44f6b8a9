import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import AjvCompiler from '@fastify/ajv-compiler'
import type { BuildOptions, Plugin } from 'esbuild'
import { getDialect } from '../../describe/dialect.ts'
import { type Esbuild, privateEsbuild } from '../../source/esbuild.ts'
import type { Tools } from '../builder/protocol.ts'
import { bundleForGuests } from '../guest-script.ts'
import { loadPrelude } from '../prelude.ts'

type Scripts = Pick<Tools, 'describer' | 'fullDescriber' | 'checker' | 'prelude'>

const extension = extname(import.meta.filename)
const sandbox = join(import.meta.dirname, '..')
const { resolve } = createRequire(import.meta.url)

let tools: Promise<Scripts> | undefined

/** What builders run in isolates: bundled once per process, when the first builder is started. */
export function loadTools (): Promise<Scripts> {
  tools ??= bundleAll().catch((error: unknown) => {
    // The next start may find what was missing.
    tools = undefined
    throw error
  })
  return tools
}

async function bundleAll (): Promise<Scripts> {
  const prelude = await loadPrelude()
  const esbuild = privateEsbuild()
  try {
    const [describer, fullDescriber, checker] = await Promise.all(['describer', 'full-describer', 'checker'].map(name => bundle(esbuild, name)))
    return { prelude, describer: describer as string, fullDescriber: fullDescriber as string, checker: checker as string }
  } finally {
    await esbuild.stop()
  }
}

async function bundle (esbuild: Esbuild, name: string): Promise<string> {
  const file = join(sandbox, 'builder', 'guest', name + extension)
  const script = await bundleForGuests(esbuild, file, { ...options, plugins: [dialect] })
  return `globalThis.tool = (() => {${script}\nreturn bundle.tool })()`
}

const options: BuildOptions = {
  // One instance for all who import TypeBox, as ES modules: bundled, they make an isolate that is half as large.
  alias: { '@sinclair/typebox': join(dirname(resolve('@sinclair/typebox')), '..', 'esm') },
  resolveExtensions: ['.mjs', '.js', '.ts'],
  // Ajv's companions ask which Node they run on.
  define: { 'process.versions.node': JSON.stringify(process.versions.node), 'process.versions.v8': JSON.stringify(process.versions.v8) }
}

/** Puts builder/guest/dialect.ts in the place of describe/dialect.ts, and into it what Ajv need not be there for. */
const dialect: Plugin = {
  name: 'dialect',
  setup (build) {
    const guest = join(sandbox, 'builder', 'guest')
    const real = join(sandbox, '..', 'describe', `dialect${extension}`)
    build.onResolve({ filter: /^\.\/dialect\.[jt]s$/ }, () => ({ path: join(guest, `dialect${extension}`) }))
    build.onResolve({ filter: /\/describe\/dialect\.[jt]s$/ }, () => ({ path: real }))
    build.onLoad({ filter: /[\\/]guest[\\/]usual\.[jt]s$/ }, () => ({ contents: writeUsual(), resolveDir: dirname(resolve('@fastify/ajv-compiler')) }))
  }
}

const META_SCHEMA = 'http://json-schema.org/draft-07/schema#'

function writeUsual (): string {
  let code = ''
  const compiler = AjvCompiler.StandaloneValidator({ readMode: false, storeFunction: (_, text) => { code = text } })
  const compile = compiler({}, { customOptions: { logger: false } }) as unknown as (route: { schema: object }) => void
  // Ajv has it already: of a schema with a known id, it takes the one that it knows.
  compile({ schema: { $id: META_SCHEMA } })
  const { keywords, formats } = getDialect()
  return `const module = { exports: {} }; ${code}
    export const usual = { ...${JSON.stringify({ metaSchema: META_SCHEMA, keywords: [...keywords], formats: [...formats] })}, fits: module.exports }`
}
