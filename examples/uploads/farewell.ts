import { endpoint } from 'fastify-microservices'

export const farewell = endpoint({ params: ['name'] }, ({ name }) => ({ goodbye: name }))
