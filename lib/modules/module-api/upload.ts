import { Type } from '@sinclair/typebox'
import type { Deployer } from '../../deploy/deployer.ts'
import { action } from '../action.ts'
import { askerOf } from './asker.ts'
import { Changes, Module, Version } from './schemas.ts'

export type Uploads = Pick<Deployer, 'upload'>

const args = Type.Object({
  module: Module,
  activate: Type.Boolean({ default: true, description: 'Whether it is live at once; else it can be called as `<module>@<version>`' }),
  compatible: Type.Boolean({ default: false, description: 'Refuse it where it breaks callers of what is live' })
})

const returns = Type.Object({
  module: Type.String(),
  version: Version,
  active: Type.Boolean(),
  unchanged: Type.Boolean({ description: 'These very files were uploaded before' }),
  files: Type.Integer(),
  bytes: Type.Integer(),
  ignored: Type.Array(Type.String(), { description: 'Hidden files, which were left out' }),
  changes: Changes
})

/** The endpoint that takes modules in. Its route gives bytes, of whatever type. */
export function upload (deployer: Uploads): Record<string, unknown> {
  return {
    upload: action('upload', {
      method: 'POST',
      tags: ['versions'],
      params: ['module'],
      summary: 'Uploads a version of a module',
      description: 'The body is one source file, a folder as .tgz, or either sealed (application/jose). Code that runs unconfined is only taken sealed.',
      args,
      returns
    }, (args, context) => {
      const { body, headers } = context
      return deployer.upload({ ...askerOf(context), ...args, body, type: String(headers['content-type'] ?? '') })
    })
  }
}
