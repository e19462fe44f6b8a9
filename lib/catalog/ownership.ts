import { canonicalUuid } from '../names.ts'
import type { Settings } from '../options.ts'
import { ModuleError } from '../source/problem.ts'
import type { ModuleFile } from './walk.ts'

/**
 * Whose a module is: the directory's owner, or the tenant that `__ID__` names in an admin's directory. What was uploaded
 * is whoever's uploaded it.
 *
 * @param id what the module says of `__ID__`: nothing, or null, for none
 * @throws `FMS_ERR_OWNER` for any other, which refuses the module
 */
export function ownerOf (source: ModuleFile, id: string | null | undefined, { multiTenant, admins }: Settings): string {
  const { file, owner, directory, version } = source
  const uuid = id == null ? owner : canonicalUuid(id)
  const mayNameTenants = multiTenant && version === undefined && admins.includes(owner)
  if (uuid === owner || (uuid !== undefined && mayNameTenants && !admins.includes(uuid))) return uuid
  const expected = version === undefined ? `${owner}, the owner of ${directory},` : `${owner}, who uploaded it,`
  const reason = uuid === undefined
    ? 'which is no UUID'
    : admins.includes(uuid) ? 'which is another admin\'s' : multiTenant ? 'which is another tenant\'s' : 'which is not ADMIN_ID'
  throw new ModuleError('FMS_ERR_OWNER', file,
    `__ID__: expected ${expected} ${mayNameTenants ? 'a tenant\'s UUID, ' : ''}or none; found ${JSON.stringify(id)}, ${reason}; the module is not served`)
}
