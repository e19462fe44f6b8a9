import type { ParseArgsOptionsConfig } from 'node:util'
import { ownerOptions, ownerUsage, usageError } from '../arguments.ts'
import { Client } from '../client.ts'
import { type Call, CommandError, EXIT, textOf } from '../command.ts'
import { type Change, changeLines, openModules, SHORT } from '../modules.ts'

export const options = { ...ownerOptions, to: { type: 'string' } } as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices rollback <module> [--to <version>]

Puts the version before the one that is live in its place, on every node within a second. Requests under way finish.

  --to <version>     this one instead, older or newer: 12 or more of its characters
${ownerUsage.slice(1)}`

/** Activates an earlier version. */
export async function run (call: Call): Promise<number> {
  const { positionals: [module, ...others], values, output } = call
  if (module === undefined || others.length > 0) throw usageError('rollback', 'expected one module')
  const client = await Client.of(call)
  const { path, modules: [listed] } = await openModules(call, client, module)
  if (listed === undefined) throw new CommandError(`Nothing was uploaded as ${module}: fastify-microservices versions`)
  const to = textOf(values, 'to')
  const { body } = to === undefined
    ? await client.ask('POST', `${path}/rollback`, { payload: { module } })
    : await client.ask('POST', `${path}/activate`, { payload: { module, version: to } })
  const { version, changes } = body as { version: string, changes?: Change[] }
  output.result(body, [
    `${module} ${version.slice(0, SHORT)} is live${listed.active === null ? '' : `, it was ${listed.active.slice(0, SHORT)}`}.`, ...changeLines(changes)
  ])
  return EXIT.done
}
