import { endpoint } from 'fastify-microservices'

/** A version may be any name that no other module has: a date, say. */
export const __alias__ = '2025-01'

export const product = endpoint({
  summary: 'Shows a product, by name and price in one text',
  params: ['id']
}, ({ id }) => ({ id, label: 'Teapot, 12.50 EUR' }))
