import { makeChecks } from './checks.ts'
import type { Configuration, HostCall } from './configuration.ts'
import { makeConsole } from './console.ts'
import { type Guest, makeDispatch } from './dispatch.ts'
import { defineGlobal, defineLazyGlobals, restrictGlobals } from './globals.ts'
import { loadModule, makeRequire } from './module.ts'
import type { Outbox } from './kinds.ts'
import { setLogLimit } from './outbox.ts'
import { makeParts, type Parts } from './parts.ts'
import { table } from './parts/table.ts'
import { freeze, parse, TypeErrorConstructor } from './primordials.ts'
import { provide } from './provided.ts'
import type { ReadResponse } from './result.ts'
import { clearInterval, clearTimeout, queueMicrotask, setInterval, setTimeout } from './timers.ts'

/**
 * Turns a bare isolate into one that a module can run in, and gives the cell its way in. Nothing of the guest has run
 * yet.
 */
export function start (hostCall: HostCall, configuration: string): (batch: string) => Outbox {
  const settings = parse(configuration) as Configuration
  const host = shieldedHost(hostCall)
  const parts = makeParts(host)
  setLogLimit(settings.logBytes)
  restrictGlobals(settings.webAssembly)
  defineLazyGlobals(parts)
  defineGlobal('console', makeConsole())
  for (const [name, value] of Object.entries({ setTimeout, setInterval, clearTimeout, clearInterval, queueMicrotask })) defineGlobal(name, value)
  return makeDispatch(() => loadGuest(host, parts, settings))
}

/** What the cell throws would tell of its files, so none of it passes. */
function shieldedHost (hostCall: HostCall): HostCall {
  return (name, text) => {
    try {
      return hostCall(name, text)
    } catch {
      throw new TypeErrorConstructor('refused')
    }
  }
}

function loadGuest (host: HostCall, parts: Parts, { owner, module, environment, responseBytes }: Configuration): Guest {
  const give = (name: string): unknown => provide(name, parts.load)
  const makeController = (): Controller => {
    const { AbortController } = parts.load(table['AbortController'] as string) as { AbortController: new () => Controller }
    return new AbortController()
  }
  const readResponse = (): ReadResponse | undefined => parts.loaded(table['Response'] as string)?.['readResponse'] as ReadResponse | undefined
  return {
    checks: makeChecks(host, give),
    surroundings: { owner, module, environment: freeze(environment), makeController },
    limits: { responseBytes, readResponse },
    find: loadModule(host, makeRequire(give))
  }
}

interface Controller {
  readonly signal: unknown
  abort (reason?: unknown): void
}
