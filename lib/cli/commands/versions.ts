import type { ParseArgsOptionsConfig } from 'node:util'
import { ownerOptions, ownerUsage, usageError } from '../arguments.ts'
import { Client } from '../client.ts'
import { type Call, CommandError, EXIT, textOf } from '../command.ts'
import { openModules, SHORT } from '../modules.ts'
import { sizeOf, table } from '../output.ts'

export const options = { ...ownerOptions, remove: { type: 'string' } } as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices versions [module]

Lists uploaded modules with their versions, the newest first; * marks the one that is live.

  --remove <version>  removes one that is not live; "all" removes the module
${ownerUsage.slice(1)}`

/** Lists versions, or removes one. */
export async function run (call: Call): Promise<number> {
  const { positionals: [module, ...others], values, output } = call
  if (others.length > 0) throw usageError('versions', 'expected one module; found several')
  const removed = textOf(values, 'remove')
  if (removed !== undefined && module === undefined) throw usageError('versions', '--remove: expected the module beside it; found none')
  const client = await Client.of(call)
  const { path, modules } = await openModules(call, client, module)
  if (module !== undefined && modules.length === 0) throw new CommandError(`Nothing was uploaded as ${module}.`)
  if (removed !== undefined) {
    const { body } = await client.ask('DELETE', `${path}/remove/${encodeURIComponent(module as string)}`, { query: { version: removed === 'all' ? undefined : removed } })
    output.result(body ?? {}, [`${module} ${removed === 'all' ? 'and all its versions are' : `${removed.slice(0, SHORT)} is`} removed.`])
    return EXIT.done
  }
  const rows = modules.flatMap(({ module, versions }) => versions.map(({ version, createdAt, by, files, bytes, active }) =>
    [active ? '*' : '', module, version.slice(0, SHORT), createdAt, `${files} file${files === 1 ? '' : 's'}`, sizeOf(bytes), by]))
  output.result({ modules }, rows.length === 0 ? ['Nothing was uploaded yet: fastify-microservices deploy --help'] : table(rows))
  return EXIT.done
}
