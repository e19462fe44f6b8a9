import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { type Command, CommandError, EXIT, type Values } from './command.ts'

/** Of commands that ask a server. */
export const serverOptions = { url: { type: 'string' }, 'key-file': { type: 'string' } } as const satisfies ParseArgsOptionsConfig

/** Of commands for an owner's modules. */
export const ownerOptions = { ...serverOptions, owner: { type: 'string' } } as const satisfies ParseArgsOptionsConfig

/** What help says of `serverOptions`. */
export const serverUsage = `
  --url <url>        the server, with its prefix; else MICROSERVICES_URL, PUBLIC_URL or PORT of .env,
                     else http://127.0.0.1:3000/rest/services
  --key-file <file>  holds "<kid> <secret>", or the JSON in which a key was told; else MICROSERVICES_KEY in the
                     environment, else ADMIN_ID and ADMIN_SECRET of .env
  --json             the answer as JSON`

/** What help says of `ownerOptions`. */
export const ownerUsage = `
  --owner <uuid>     whose modules, where they are not those of the key's owner: a tenant of yours${serverUsage}`

/** 32 bytes in base64url have letters of both cases, and a digit, but for one in a thousand; a version has no capitals. */
const SECRET = /(?:^|[\s=:,;])(?=[-\w]*[a-z])(?=[-\w]*[A-Z])(?=[-\w]*\d)[-\w]{42}[AEIMQUYcgkosw048]$/
const SECRET_OPTION = /^--?(?:key|secret|admin[-_]secret|secrets[-_]key|manage[-_]key|password)(?:=|$)/i

/**
 * What a command's arguments say.
 *
 * @throws {CommandError} where one is unknown, or there are too many or too few
 */
export function parse (name: string, command: Command, args: readonly string[]): { values: Values, positionals: string[] } {
  const options = { ...command.options, help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } } as const satisfies ParseArgsOptionsConfig
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, allowNegative: true })
  } catch (error) {
    const [first = ''] = (error as Error).message.split(/\. |\n/)
    throw usageError(name, `${first.charAt(0).toLowerCase()}${first.slice(1)}`)
  }
}

/** @throws {CommandError} where a key is among the arguments: it is not quoted, and not used */
export function refuseKeys (args: readonly string[]): void {
  if (!args.some(arg => SECRET.test(arg) || SECRET_OPTION.test(arg))) return
  throw new CommandError(`A key in a command line is refused: other users of this machine can read it, and the shell remembers it.
Put it into a file that only you can read, and name that by --key-file, or into MICROSERVICES_KEY of the environment.
If it was a real key, make another and remove this one: fastify-microservices tenants keys --help`, EXIT.usage)
}

export function usageError (command: string, message: string): CommandError {
  return new CommandError(`${message}; see: fastify-microservices ${command} --help`, EXIT.usage)
}
