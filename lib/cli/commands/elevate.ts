import { join, resolve } from 'node:path'
import { canonicalUuid } from '../../names.ts'
import { usageError } from '../arguments.ts'
import { type Call, EXIT, textOf } from '../command.ts'
import type { Step } from '../elevation/elevate.ts'
import { overridden, parseEnvironmentFile } from '../environment.ts'

export const options = { to: { type: 'string' }, 'mongo-database': { type: 'string' }, without: { type: 'string', multiple: true } } as const

export const usage = `fastify-microservices elevate <uuid> --to <folder>

Makes a tenant the admin of a new installation: with a database of its own, keys of its own, its modules, its
environment, and a .env that starts it. Here it is disabled. Run it by hand, in the working directory of this
installation and with its environment: it opens the store itself, while the installation runs on.

The tenant's code ran in a sandbox here. There it is trusted, and runs in the process, with all that this may do: let
the new installation run as another user of the system, or on another machine.

It may be cut off at any moment: the same command goes on where it was. Once all is done, it changes nothing any more.

  --to <folder>            of the new installation: empty, or not there yet
  --mongo-database <name>  its database, where this one is in MongoDB; else one is named after the tenant. It gets a
                           user of its own: for that, this command needs one that may make users, in
                           MONGO_INITDB_ROOT_USERNAME, MONGO_INITDB_ROOT_PASSWORD and MONGO_INITDB_DATABASE
  --without <name>         an entry of the tenant's environment that is not taken along; may be given several times
  --json                   the answer as JSON

Not taken along: the tenant's keys (those of the new installation are its own), its limits, and what this app says in
its code (options tenants, sandbox, plugins). Packages that its modules import are to be installed there.`

const doing: Readonly<Record<Step, string>> = {
  planned: 'Begins …',
  begun: 'Makes its database …',
  database: 'Makes its store …',
  store: 'Copies modules …',
  copied: 'Writes its settings …',
  prepared: 'Disables the tenant here …',
  disabled: 'Copies what changed …',
  settled: 'Puts the settings in place …',
  written: 'Finishes …',
  completed: 'Done.'
}

export async function run ({ positionals, values, output, directory, signal }: Call): Promise<number> {
  const [text, ...rest] = positionals
  const to = textOf(values, 'to')
  if (text === undefined || rest.length > 0) throw usageError('elevate', `expected the UUID of one tenant; found ${positionals.length}`)
  const tenant = canonicalUuid(text) ?? wrong(`expected the UUID of a tenant; found ${JSON.stringify(text)}`)
  const folder = resolve(directory, to === undefined || to === '' ? wrong('--to: expected the folder of the new installation; found none') : to)
  const without = new Set([values['without'] ?? []].flat().map(String))
  // Help must not wait for all that this takes.
  const { elevate } = await import('../elevation/elevate.ts')
  const { isRepeated, notes } = await elevate({ tenant, folder, database: textOf(values, 'mongo-database'), without }, step => {
    signal.throwIfAborted()
    output.progress(doing[step])
  })
  const overriding = overridden(await parseEnvironmentFile(join(folder, '.env')) ?? {})
  const remarks = [
    ...notes,
    ...overriding.length > 0 ? [`this shell sets ${overriding.join(', ')}, which would win over the new .env: start it without them`] : []
  ]
  const told = isRepeated
    ? [`${tenant} was elevated before, to ${folder}. Nothing was changed.`]
    : [`${tenant} is the admin of a new installation in ${folder}, and is disabled here.`, `Start it there: cd ${folder} && npx fastify-microservices start`]
  output.result({ tenant, folder, repeated: isRepeated, notes: remarks }, [...told, ...remarks.map(remark => `Note: ${remark}`)])
  return EXIT.done
}

function wrong (message: string): never {
  throw usageError('elevate', message)
}
