// shows: a chain of prototypes without an end in sight is walked within the turn
// call: GET /prototype-chain
// expect: 200 and {} or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT or 502
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'prototype-chain' }, () => {
  let value: object = {}
  for (let i = 0; i < 200_000; i++) value = Object.create(value)
  console.log(value)
  return value
})
