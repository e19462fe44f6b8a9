// shows: nothing runs when memory is collected, outside of any turn
// call: GET /finalization
// expect: 200 and ["undefined","undefined"]
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'finalization' }, () => {
  const { FinalizationRegistry: Registry, WeakRef: Reference } = globalThis as Partial<typeof globalThis>
  if (Registry !== undefined) {
    const again = (): void => new Registry(again).register({}, 0)
    again()
  }
  return [typeof Registry, typeof Reference]
})
