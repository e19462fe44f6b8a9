import { resolve } from 'node:path'
import type { ParseArgsOptionsConfig } from 'node:util'
import { serverOptions, serverUsage, usageError } from '../arguments.ts'
import { Client } from '../client.ts'
import { type Call, CommandError, EXIT, textOf } from '../command.ts'
import { table } from '../output.ts'
import { openPrivately, type PrivateFile } from '../private-file.ts'

export const options = {
  ...serverOptions, uuid: { type: 'string' }, save: { type: 'string' }, yes: { type: 'boolean' }, add: { type: 'string' }, remove: { type: 'string' }
} as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices tenants [list]
fastify-microservices tenants register <userid> [--uuid <uuid>] [--save <file>]
fastify-microservices tenants enable | disable <uuid>
fastify-microservices tenants remove <uuid> --yes
fastify-microservices tenants keys <uuid> [--add call|manage [--save <file>] | --remove <kid>]

Manages the tenants of an admin, whose key it takes. Keys are told once, when they are made.

  --uuid <uuid>      the tenant's, a new one otherwise
  --save <file>      writes the keys to a new file, for you alone to read and fit for --key-file, and prints none
  --yes              yes, with all its modules, versions, keys and its environment
  --add <kind>       makes a key: call, for calls only, or manage
  --remove <kid>     has a key open nothing any more
${serverUsage.slice(1)}`

interface Tenant { readonly uuid: string, readonly userid: string | null, readonly enabled: boolean, readonly createdAt: string | null }
interface NewKey { readonly kid: string, readonly kind: string, readonly secret?: string, readonly createdAt?: string }

/** So many of a page; what else there is comes with the next. */
const PAGE = 1_000

const actions: Readonly<Record<string, (call: Call, client: Client, api: string, subject: string) => Promise<void>>> = {
  list, register, remove, keys, enable: setState, disable: setState
}

/** Does one of tenant-api's actions. */
export async function run (call: Call): Promise<number> {
  const { positionals: [action = 'list', subject, ...others] } = call
  const found = Object.hasOwn(actions, action) ? actions[action] : undefined
  if (found === undefined) throw usageError('tenants', `expected one of ${Object.keys(actions).join(', ')}; found ${JSON.stringify(action)}`)
  if (others.length > 0 || (action === 'list') !== (subject === undefined)) {
    throw usageError('tenants', `${action}: expected ${action === 'list' ? 'nothing more' : action === 'register' ? 'a userid' : "a tenant's UUID"}`)
  }
  const client = await Client.of(call)
  await found(call, client, `/${client.key.owner}/tenant-api`, subject ?? '')
  return EXIT.done
}

async function list ({ output }: Call, client: Client, api: string): Promise<void> {
  const tenants: Tenant[] = []
  let after: string | undefined
  do {
    const { body } = await client.ask('GET', `${api}/list`, { query: { limit: PAGE, after } })
    const page = body as { tenants: Tenant[], next?: string }
    tenants.push(...page.tenants)
    after = page.next
  } while (after !== undefined)
  const rows = tenants.map(({ uuid, userid, enabled, createdAt }) => [uuid, enabled ? 'enabled' : 'disabled', createdAt ?? 'configured', userid ?? ''])
  output.result({ tenants }, rows.length === 0 ? ['No tenants yet: fastify-microservices tenants register <userid>'] : table(rows))
}

async function register (call: Call, client: Client, api: string, userid: string): Promise<void> {
  const uuid = textOf(call.values, 'uuid')
  await tell(call, async () => {
    const { body } = await client.ask('POST', `${api}/register`, { payload: { userid, ...uuid !== undefined && { uuid } } })
    const told = body as { uuid: string, keys: NewKey[] }
    return { told, keys: told.keys, line: `${userid} is registered as ${told.uuid}.` }
  })
}

async function setState ({ output, positionals: [action = ''] }: Call, client: Client, api: string, uuid: string): Promise<void> {
  const { body } = await client.ask('POST', `${api}/${action}`, { payload: { uuid } })
  output.result(body, [`${uuid} is ${action}d.`])
}

async function remove ({ output, values }: Call, client: Client, api: string, uuid: string): Promise<void> {
  if (values['yes'] !== true) throw usageError('tenants', `remove: ${uuid} would be gone with its modules, versions, keys and environment; expected --yes beside it`)
  await client.ask('DELETE', `${api}/remove/${encodeURIComponent(uuid)}`)
  output.result({ uuid, removed: true }, [`${uuid} is removed.`])
}

async function keys (call: Call, client: Client, api: string, uuid: string): Promise<void> {
  const { values, output } = call
  const [added, removed] = [textOf(values, 'add'), textOf(values, 'remove')]
  const path = `${api}/keys/${encodeURIComponent(uuid)}`
  if (added !== undefined) {
    await tell(call, async () => {
      const { body } = await client.ask('POST', `${api}/keys`, { payload: { uuid, kind: added } })
      return { told: body as NewKey, keys: [body as NewKey], line: `A ${added} key of ${uuid} is made.` }
    })
  } else if (removed !== undefined) {
    await client.ask('DELETE', `${path}/${encodeURIComponent(removed)}`)
    output.result({ kid: removed, removed: true }, [`${removed} is removed: it opens nothing any more.`])
  } else {
    const { body } = await client.ask('GET', path)
    output.result(body, table((body as { keys: NewKey[] }).keys.map(({ kid, kind, createdAt }) => [kid, kind, createdAt ?? 'configured'])))
  }
}

/** Keys that are told once: to a file that was opened before they were made, or on stdout. */
async function tell ({ values, directory, output }: Call, make: () => Promise<{ told: object, keys: NewKey[], line: string }>): Promise<void> {
  const save = textOf(values, 'save')
  const path = save === undefined ? undefined : resolve(directory, save)
  const file: PrivateFile | undefined = path === undefined ? undefined : await openPrivately(path)
  const { told, keys, line } = await make().catch(async (error: unknown) => {
    await file?.discard()
    throw error
  })
  if (file === undefined) return output.result(told, [line, ...keys.map(({ kind, kid, secret = '' }) => `${kind}: ${kid} ${secret}`), 'Keep the keys now: they are not told again.'])
  await file.write(`${JSON.stringify(told)}\n`).catch((error: unknown) => {
    throw new CommandError(`${line} But its keys are lost: ${(error as Error).message}\nMake another with: fastify-microservices tenants keys <uuid> --add manage`)
  })
  output.result({ keys: keys.map(({ kid, kind }) => ({ kid, kind })), file: path }, [line, `${keys.length === 1 ? 'It is' : 'Its keys are'} in ${path}.`])
}
