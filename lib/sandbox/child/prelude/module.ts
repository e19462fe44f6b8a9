import { tagOf } from '../../../endpoint.ts'
import type { HostCall } from './configuration.ts'
import type { Context } from './context.ts'
import { Refusal } from './failure.ts'
import { dictionary, ErrorConstructor, evaluate, hasOwn } from './primordials.ts'

export type Handler = (args: Record<string, unknown>, context: Context) => unknown

export type Require = (name: string) => unknown

/** Finds the function of an endpoint by the name of its export. */
export type Find = (name: string) => Handler

/** A module's `require`: what the platform provides, and nothing else. */
export function makeRequire (provide: Require): Require {
  return name => {
    const provided = provide(name)
    if (provided === undefined) throw new ErrorConstructor(`there is no package "${name}" in the sandbox`)
    return provided
  }
}

/** Evaluates the module. What it throws passes through. */
export function loadModule (host: HostCall, require: Require): Find {
  // The names are those that CommonJS gives; on one line, so that lines are the script's own.
  const run = evaluate(`(function (exports, require, module) {${host('module', '')}\n})\n//# sourceURL=module.js`) as Function
  const module = { exports: {} }
  run(module.exports, require, module)
  const { exports } = module
  const handlers = dictionary<Handler>()
  return name => (handlers[name] ??= handlerOf(exports, name))
}

function handlerOf (exports: object, name: string): Handler {
  const tag = hasOwn(exports, name) ? tagOf((exports as Record<string, unknown>)[name]) : undefined
  if (tag?.kind !== 'function' || typeof tag.handler !== 'function') throw new Refusal('thrown', `the module has no endpoint "${name}"`)
  return tag.handler as Handler
}
