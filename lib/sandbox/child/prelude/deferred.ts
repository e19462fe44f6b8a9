type Exports = Record<string, unknown>
type Method = (...values: unknown[]) => unknown

/**
 * Stands for TypeBox in an isolate that serves calls. Modules make their schemas at top level, for descriptors that were
 * read long before; TypeBox, at 10 ms, is loaded when somebody looks at one of them.
 *
 * @param load gives the real one
 */
export function deferred (load: () => Exports): object {
  const builder = deferredBuilder(() => load()['Type'] as Record<string, Method>)
  return standIn(load, name => name === 'Type' ? builder : name === '__esModule' ? true : undefined)
}

/** `Type`: each method gives a stand-in for what the real one would give. */
function deferredBuilder (load: () => Record<string, Method>): object {
  const known = new Map<string, Method>()
  return standIn(load, name => {
    // All that `Type` has are methods whose names begin with a capital.
    if (!/^[A-Z]/.test(name)) return undefined
    let method = known.get(name)
    if (method === undefined) known.set(name, method = (...values) => standIn(() => call(load(), name, values)))
    return method
  })
}

function call (type: Record<string, Method>, name: string, values: unknown[]): object {
  const method = type[name]
  if (typeof method !== 'function') throw new TypeError(`Type.${name} is not a function`)
  return method.apply(type, values) as object
}

const traps = [
  'get', 'set', 'has', 'deleteProperty', 'defineProperty', 'getOwnPropertyDescriptor', 'ownKeys', 'getPrototypeOf', 'setPrototypeOf',
  'isExtensible', 'preventExtensions'
] as const

/**
 * An object that is made by the first look at it.
 *
 * @param tell gives what can be told of it before, and is never otherwise
 */
function standIn (make: () => object, tell?: (name: string) => unknown): object {
  const target = {}
  const handler: ProxyHandler<object> = {}
  const fill = (): void => {
    // From here on the proxy is transparent; also while it is made, since a recursive schema looks at itself.
    for (const trap of traps) delete handler[trap]
    try {
      const made = make()
      Object.setPrototypeOf(target, Object.getPrototypeOf(made))
      Object.defineProperties(target, Object.getOwnPropertyDescriptors(made))
    } catch (error) {
      install()
      throw error
    }
    if (tell !== undefined) handler.get = (_, name) => told(name) ?? Reflect.get(target, name)
  }
  const told = (name: string | symbol): unknown => typeof name === 'string' ? tell?.(name) : undefined
  const install = (): void => {
    for (const trap of traps) {
      handler[trap] = (...values: unknown[]): never => {
        const early = trap === 'get' ? told(values[1] as string | symbol) : undefined
        if (early !== undefined) return early as never
        fill()
        return (Reflect[trap] as Method)(...values) as never
      }
    }
  }
  install()
  return new Proxy(target, handler)
}
