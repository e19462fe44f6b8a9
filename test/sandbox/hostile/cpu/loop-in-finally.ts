// shows: no `finally`, `catch` or `using` outlives the end of a turn
// call: GET /loop-in-finally
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

function again (): never {
  try {
    for (;;);
  } catch {
    for (;;);
  } finally {
    again()
  }
}

export const attack = endpoint({ api: 'loop-in-finally' }, () => again())
