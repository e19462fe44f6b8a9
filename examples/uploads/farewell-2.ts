import { endpoint } from 'fastify-microservices'
import { Type } from '@sinclair/typebox'

// What callers of the first version send and get still fits: a version that broke them would be told, or refused.
export const farewell = endpoint({
  params: ['name'],
  args: Type.Object({ name: Type.Optional(Type.String()), until: Type.String({ default: 'soon' }) })
}, ({ name, until }) => ({ goodbye: name, until }))
