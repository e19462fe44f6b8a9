// shows: what identifies the host's users never arrives
// call: GET /headers-in
// with: { "headers": { "cookie": "session=1", "authorization": "Bearer x", "proxy-authorization": "x", "forwarded": "for=1.2.3.4", "x-forwarded-for": "1.2.3.4", "x-forwarded-host": "x", "x-own": "1" } }
// expect: 200 and ["accept","accept-encoding","accept-language","host","sec-fetch-mode","user-agent","x-own"] or 200 and ["accept","accept-encoding","host","user-agent","x-own"]
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'headers-in' }, (_, { headers }) => Object.keys(headers).filter(name => name !== 'connection').sort())
