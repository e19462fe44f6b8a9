import type { StoredOwner } from '../../../types/store.ts'
import { messageOf } from '../../errors.ts'
import { environmentSettings } from '../../settings.ts'
import { aboutOf } from '../../tenancy/sealing.ts'
import type { Secrets } from '../../tenancy/secrets.ts'
import { envLine } from './env-file.ts'
import { refuse } from './refusal.ts'

/** An entry of the tenant's environment, in the clear. */
export interface Entry {
  readonly name: string
  readonly value: string
  readonly secret: boolean
}

/** The platform reads them, or the command line does. */
const settings: ReadonlySet<string> = new Set([...Object.keys(environmentSettings), 'HOST', 'PORT', 'LOG_LEVEL'])
const settingPattern = /^(URL_PARM\d+|MICROSERVICES_\w+)$/

/** The system, or Node, has a value of its own for them: that would win over the file's, or the file's would change how the process runs. */
const system: ReadonlySet<string> = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'OLDPWD', 'SHLVL', 'HOSTNAME', 'TERM', 'LANG', 'LANGUAGE', 'TZ',
  'TMPDIR', 'TMP', 'TEMP', 'EDITOR', 'MAIL', 'INIT_CWD', 'SSL_CERT_FILE', 'SSL_CERT_DIR'])
const systemPattern = /^(NODE_\w+|npm_\w+|LD_\w+|DYLD_\w+|LC_\w+|UV_\w+|OPENSSL_\w+|XDG_\w+|(http|https|all|no)_proxy|(HTTP|HTTPS|ALL|NO)_PROXY)$/

/**
 * The tenant's environment, as far as it can stand in a `.env`.
 *
 * @param without names that the operator leaves out
 * @throws {CommandError} that names every entry that cannot; no value is quoted
 */
export function readEntries (record: StoredOwner | undefined, secrets: Secrets, without: ReadonlySet<string>): Entry[] {
  const { uuid = '', environment = {} } = record ?? {}
  const problems: string[] = []
  const wanted = Object.entries(environment).filter(([name]) => !without.has(name)).sort(([one], [other]) => one < other ? -1 : 1)
  const entries = wanted.map(([name, entry]): Entry => {
    if ('value' in entry) return { name, value: entry.value, secret: false }
    try {
      return { name, value: secrets.open(entry.sealed, aboutOf({ owner: uuid, kind: 'entry', name })).toString(), secret: true }
    } catch (error) {
      problems.push(`${name}: expected a secret that SECRETS_KEY opens; found one that it does not: ${messageOf(error)}; set it anew`)
      return { name, value: '', secret: true }
    }
  })
  problems.push(...entries.flatMap(problemsOf))
  if (problems.length > 0) {
    refuse(`environment: expected entries that a .env can carry to the new installation; found\n${problems.map(problem => `- ${problem}`).join('\n')}\n` +
      'change these entries of the tenant, or leave them out, with --without <name> for each, and set them there in a way of your own')
  }
  return entries
}

function problemsOf ({ name, value }: Entry): string[] {
  if (settings.has(name) || settingPattern.test(name)) return [`${name}: expected a name that means nothing to the platform; found one of its settings`]
  if (system.has(name) || systemPattern.test(name)) return [`${name}: expected a name that means nothing to the system; found one that the process environment has, or that changes how Node runs`]
  if (envLine(name, value) === undefined) return [`${name}: expected a value that a .env can hold; found a carriage return, or all of ', " and \``]
  return []
}
