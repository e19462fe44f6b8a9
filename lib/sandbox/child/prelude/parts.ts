import type { HostCall } from './configuration.ts'
import { dictionary, FunctionConstructor } from './primordials.ts'

export type Part = Readonly<Record<string, unknown>>

type MakePart = (host: HostCall, part: (name: string) => Part) => Part

/** What an isolate loads when it first needs it, since most need little of it and pay for each part in memory. */
export interface Parts {
  load (name: string): Part
  /** A part, if it has been loaded. */
  loaded (name: string): Part | undefined
}

export function makeParts (host: HostCall): Parts {
  const parts = dictionary<Part>()
  const load = (name: string): Part => {
    const known = parts[name]
    if (known !== undefined) return known
    const make = FunctionConstructor('host', 'part', `${host(`part:${name}`, '')}\n//# sourceURL=prelude/${name}.js`) as MakePart
    return (parts[name] = make(host, load))
  }
  return { load, loaded: name => parts[name] }
}
