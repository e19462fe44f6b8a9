import { Type } from '@sinclair/typebox'
import type { Deployer } from '../../deploy/deployer.ts'
import { action } from '../action.ts'
import { askerOf } from './asker.ts'
import { Changes, Listing, Module, shown, Version, VersionPrefix } from './schemas.ts'

export type VersionDesk = Pick<Deployer, 'list' | 'activate' | 'rollback' | 'remove'>

const tags = ['versions']
const Activated = Type.Object({ module: Type.String(), version: Version, changes: Changes })

/** The endpoints of what was uploaded. */
export function versions (desk: VersionDesk): Record<string, unknown> {
  const list = action('versions', {
    tags,
    params: ['module'],
    summary: 'Lists versions of uploaded modules',
    args: Type.Object({ module: Type.Optional(Module) }),
    returns: Type.Object({ modules: Type.Array(Listing) })
  }, async ({ module }, context) => {
    const modules = await desk.list(askerOf(context), module)
    return { modules: modules.map(one => ({ ...one, versions: one.versions.map(shown) })) }
  })

  const activate = action('activate', {
    method: 'POST',
    tags,
    summary: 'Makes a version live',
    description: 'On every node within a second. Calls under way finish on the version that they began with.',
    args: Type.Object({ module: Module, version: VersionPrefix }),
    returns: Activated
  }, ({ module, version }, context) => desk.activate(askerOf(context), module, version))

  const rollback = action('rollback', {
    method: 'POST',
    tags,
    summary: 'Makes the version live that was uploaded before the live one',
    args: Type.Object({ module: Module }),
    returns: Activated
  }, ({ module }, context) => desk.rollback(askerOf(context), module))

  const remove = action('remove', {
    method: 'DELETE',
    tags,
    params: ['module'],
    summary: 'Removes an uploaded module, or one version that is not live',
    args: Type.Object({ module: Module, version: Type.Optional(VersionPrefix) })
  }, ({ module, version }, context) => desk.remove(askerOf(context), module, version))

  return { versions: list, activate, rollback, remove }
}
