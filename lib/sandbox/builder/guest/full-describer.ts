import { load } from '../../child/prelude/parts/typebox.ts'
import { describeModule } from './module.ts'

/** For modules that import any entry of TypeBox. */
export function tool (code: string): string {
  return describeModule(code, load)
}

// What has run before a snapshot is made of this script need not run again.
tool("exports.a = require('fastify-microservices').endpoint({ args: { type: 'object' } }, () => {}); require('@sinclair/typebox')")
