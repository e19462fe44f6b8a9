import { randomBytes, randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import type { ParseArgsOptionsConfig } from 'node:util'
import { usageError } from '../arguments.ts'
import { type Call, EXIT } from '../command.ts'
import { writePrivately } from '../private-file.ts'

export const options = { 'multi-tenant': { type: 'boolean' } } as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices init [directory] [--multi-tenant]

Writes .env with a fresh id and key of the admin, and the key that encrypts what the store keeps. An .env that is there
is left as it is. Only you can read it: whoever has it manages the installation.

  --multi-tenant  URLs carry the owner's id, and the admin may register tenants
  --json          the answer as JSON, without the secrets`

/** Writes `.env` of a new installation. */
export async function run ({ positionals, values, output, directory }: Call): Promise<number> {
  const [place = '.', ...others] = positionals
  if (others.length > 0) throw usageError('init', 'expected one directory; found several')
  const file = resolve(directory, place, '.env')
  const admin = randomUUID()
  const multiTenant = values['multi-tenant'] === true
  await writePrivately(file, `# The admin's id, as it stands in URLs. A name, no secret.
ADMIN_ID=${admin}

# The admin's first manage key, named ${admin}.first.
ADMIN_SECRET=${newKey()}

# What encrypts the tenants' keys and secret values in the store. Without it they are lost.
SECRETS_KEY=${newKey()}
${multiTenant ? '\n# URLs are /rest/services/<owner>/<api>.\nMULTI_TENANT=true\n' : ''}`)
  output.result({ file, admin, multiTenant }, [
    `${file} is written, for you alone to read. Keep it out of version control, and a copy where you keep secrets.`,
    `Admin ${admin}. Next: fastify-microservices start`
  ])
  return EXIT.done
}

function newKey (): string {
  return randomBytes(32).toString('base64url')
}
