/**
 * A function of the functions framework: `functions-framework.js <port>`. Its command line listens on all interfaces,
 * so the server that it makes is started here, on loopback.
 */
import { http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'

http('main', (request, response) => {
  if (request.method === 'POST') response.json(request.body)
  else response.json({ hello: request.query.name })
})

getTestServer('main').listen(Number(process.argv[2]), '127.0.0.1')
