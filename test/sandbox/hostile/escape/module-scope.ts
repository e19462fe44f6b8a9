// shows: `require`, `module` and `exports` of a module lead nowhere else
// call: GET /module-scope
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

type Require = (name: unknown) => unknown

const [require, module, exports, self, caller] = eval('[require, module, exports, this, arguments]') as [Require, object, object, unknown, object]
const wanted: unknown[] = [
  'fs', 'node:fs', 'process', 'node:process', 'child_process', 'worker_threads', 'module', 'vm', 'inspector/promises', 'isolated-vm', 'isolated-vm/isolated-vm.js', '/etc/passwd', '../package.json',
  './_reach.ts', 'ajv', 'ajv/dist/runtime/equal', 'checks', '__proto__', 'constructor', 'toString', 'part:url', 'module ', '', '@sinclair/typebox/../../x', '@sinclair/typebox/package.json', '@sinclair/typebox/__proto__',
  '@sinclair/typebox/constructor', undefined, null, 1, {}, [], Symbol('x'), { toString: () => 'fs' }, ['fastify-microservices'], { startsWith: () => true, slice: () => 'fs' }
]

export const attack = endpoint({ api: 'module-scope' }, () => {
  const thrown: unknown[] = []
  const got: string[] = []
  for (const name of wanted) {
    try {
      const value = require(name)
      if (name !== 'checks') got.push(`${String(name)} is a ${typeof value}`)
    } catch (error) {
      thrown.push(error)
    }
  }
  return { leaked: [...got, ...reach({ require, module, exports, self, caller, thrown, own: require('fastify-microservices') })] }
})
