import { Type } from '@sinclair/typebox'
import { endpoint } from 'fastify-microservices'
import { toFahrenheit } from './convert.ts'

/** A folder is a module when it has an index file; save `convert.ts`, and that is live too. */
export const temperature = endpoint({
  summary: 'Converts degrees Celsius',
  params: ['celsius'],
  args: Type.Object({ celsius: Type.Number({ minimum: -273.15 }) }),
  returns: Type.Object({ celsius: Type.Number(), fahrenheit: Type.Number() })
}, ({ celsius }) => ({ celsius, fahrenheit: toFahrenheit(celsius) }))
