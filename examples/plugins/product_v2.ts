import { endpoint } from 'fastify-microservices'

export const __alias__ = '2026-01'

/** The same api as in `product_v1.ts`: the module in the URL decides; without one, the first file answers. */
export const product = endpoint({
  summary: 'Shows a product, its price as a number',
  params: ['id']
}, ({ id }) => ({ id, name: 'Teapot', price: { amount: 12.5, currency: 'EUR' } }))
