// What a client does before each call: a token for one method, one URL and, where it manages, one payload.
// node examples/token.ts <method> <url> [payload, or @ and the name of its file]
import { readFileSync } from 'node:fs'
import { produce } from 'fastify-microservices/tokens'

const [method = 'GET', url = '', payload = ''] = process.argv.slice(2)
const body = payload.startsWith('@') ? readFileSync(payload.slice(1)) : payload
// Of the admin, which the example's server made when it started. A client keeps its key where others cannot read it.
const [kid = '', key = ''] = readFileSync(`${import.meta.dirname}/.data/admin.key`, 'utf8').split(' ')
console.log(await produce({ kid, key, method, url, body, manage: true }))
