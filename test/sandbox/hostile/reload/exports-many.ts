// shows: a module of a hundred thousand endpoints is refused
// call: GET /exports-many
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'exports-many' }, () => 1)

const { exports: own } = eval('module') as { exports: object }
for (let i = 0; i < 100_000; i++) Object.defineProperty(own, `attack${i}`, { enumerable: true, value: endpoint({ api: `a${i}` }, () => 1) })
