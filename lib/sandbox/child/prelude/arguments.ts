import type { GuestCall } from '../../protocol.ts'
import { forbiddenArgumentNames } from '../../../names.ts'
import { dictionary, hasOwn, isArray, keys } from './primordials.ts'

const forbidden = dictionary<true>()
forbiddenArgumentNames.forEach(name => { forbidden[name] = true })

/** The one object that a function receives: payload, then query, then URL parameters, the later over the earlier. */
export function mergeArguments (data: GuestCall, takesArray: ((name: string) => unknown) | undefined): Record<string, unknown> {
  const args: Record<string, unknown> = {}
  const payload = hasOwn(data, 'payload') ? data.payload : undefined
  if (typeof payload === 'object' && payload !== null && !isArray(payload)) addAll(args, payload as Record<string, unknown>)
  const { query } = data
  const names = keys(query)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    if (forbidden[name]) continue
    const value = query[name]
    args[name] = isArray(value) && !takesArray?.(name) ? value[value.length - 1] : value
  }
  addAll(args, data.params)
  return args
}

function addAll (args: Record<string, unknown>, from: Readonly<Record<string, unknown>>): void {
  const names = keys(from)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    if (!forbidden[name]) args[name] = from[name]
  }
}
