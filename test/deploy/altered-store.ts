import type { Store } from '../../types/store.ts'

/** A store of which some methods are others; they are given its own, to be called or not. */
export function alteredStore (store: Store, methods: { [Name in keyof Store]?: (own: Store[Name], ...args: Parameters<Store[Name]>) => ReturnType<Store[Name]> }): Store {
  return new Proxy(store, {
    get (target, name) {
      const own: unknown = Reflect.get(target, name)
      if (typeof own !== 'function') return own
      const bound = own.bind(target) as (...args: never[]) => unknown
      // Looked up with each call, so that tests may change their minds.
      return (...args: never[]) => {
        const other = methods[name as keyof Store] as ((own: unknown, ...args: never[]) => unknown) | undefined
        return other === undefined ? bound(...args) : other(bound, ...args)
      }
    }
  })
}
