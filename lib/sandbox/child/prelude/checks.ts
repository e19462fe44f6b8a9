import type { HostCall } from './configuration.ts'
import { Refusal } from './failure.ts'
import { dictionary, evaluate, hasOwn, isArray, RangeErrorConstructor } from './primordials.ts'
import type { Require } from './module.ts'

/** What the builder made of an endpoint's schemas. It is the guest's own code: nothing that it returns is trusted. */
export interface Check {
  readonly args: (((data: unknown) => unknown) & { errors?: unknown }) | undefined
  readonly returns: ((value: unknown) => unknown) | undefined
  readonly takesArray: ((name: string) => unknown) | undefined
}

const none: Check = { args: undefined, returns: undefined, takesArray: undefined }

/** Finds the checks of an endpoint. Their script is evaluated when a call first needs it. */
export function makeChecks (host: HostCall, require: Require): (name: string) => Check {
  let all: Record<string, Partial<Check>> | undefined
  const checks = dictionary<Check>()
  return name => {
    if (all === undefined) {
      const script = host('checks', '')
      all = script === '' ? {} : (evaluate(`(${script}\n)\n//# sourceURL=checks.js`) as (require: Require) => typeof all)(require) ?? {}
    }
    return (checks[name] ??= hasOwn(all, name) ? read(all[name] as Partial<Check>) : none)
  }
}

function read (check: Partial<Check>): Check {
  return {
    args: hasOwn(check, 'args') ? check.args : undefined,
    returns: hasOwn(check, 'returns') ? check.returns : undefined,
    takesArray: hasOwn(check, 'takesArray') ? check.takesArray : undefined
  }
}

/** Coerces and checks arguments in place. The messages are those of Fastify's own validation. */
export function checkArguments (args: unknown, { args: check }: Check): void {
  if (check === undefined) return
  try {
    if (check(args)) return
  } catch (error) {
    // A recursive schema follows a payload as deep as it goes.
    if (error instanceof RangeErrorConstructor) throw new Refusal('arguments', 'args must not be nested so deep')
    throw error
  }
  const errors = check.errors
  throw new Refusal('arguments', messageOf(errors), errors)
}

function messageOf (errors: unknown): string {
  let text = ''
  if (!isArray(errors)) return text
  for (let i = 0; i < errors.length && i < 16; i++) {
    const { instancePath, message } = errors[i] as { instancePath?: unknown, message?: unknown }
    text += `${i > 0 ? ', ' : ''}args${typeof instancePath === 'string' ? instancePath : ''} ${typeof message === 'string' ? message : ''}`
  }
  return text
}
