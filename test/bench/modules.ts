import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scenario } from './scenarios.ts'

const ENDPOINTS_PER_MODULE = 10

const head = `import { Type } from '@sinclair/typebox'
import { endpoint } from 'fastify-microservices'
`

/** Gives `use` an empty directory, and removes it afterwards. */
export async function withDirectory<T> (use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'fastify-microservices-bench-'))
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Writes a plugin directory of `count` endpoints, ten a file. */
export async function writeModules (directory: string, scenario: Scenario, count: number): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (let first = 0; first < count; first += ENDPOINTS_PER_MODULE) {
    const sources = Array.from({ length: Math.min(ENDPOINTS_PER_MODULE, count - first) }, (_, i) => scenario.source(first + i))
    await writeFile(join(directory, `m${first}.ts`), `${head}\n${sources.join('\n\n')}\n`)
  }
}

/** A module of the usual size (some 20 lines) with one endpoint, `version`, which tells `version`. */
export async function writeVersion (directory: string, version: number): Promise<void> {
  await writeFile(join(directory, 'versioned.ts'), `${head}
interface Answer {
  version: number
  greeting: string
}

const version = ${version}

function greet (name: string): Answer {
  return { version, greeting: \`Hello, \${name}, from \${version}\` }
}

export const tell = endpoint({
  api: 'version',
  summary: 'Tells its version',
  args: Type.Object({ name: Type.String({ default: 'you' }) }),
  returns: Type.Object({ version: Type.Integer(), greeting: Type.String() })
}, async ({ name }) => greet(name))
`)
}
