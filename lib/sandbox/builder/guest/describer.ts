import * as typebox from '@sinclair/typebox'
import { describeModule } from './module.ts'

/** For modules that import no more of TypeBox than its main entry. */
export function tool (code: string): string {
  return describeModule(code, name => name === '@sinclair/typebox' ? typebox : undefined)
}

// What has run before a snapshot is made of this script need not run again.
tool("exports.a = require('fastify-microservices').endpoint({ args: { type: 'object' } }, () => {}); require('@sinclair/typebox')")
