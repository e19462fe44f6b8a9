/**
 * A guest of secure-exec: `secure-exec.js <port>`. A run for each request takes some 50 ms, so the guest is an HTTP server
 * itself, whose port secure-exec opens on loopback: nothing of ours stands before it. Version 0.2.1, since the newest,
 * 0.3.3, needs a @secure-exec/core that the registry does not have, and 0.2.21 (1.4 GB installed, by way of agentOS)
 * takes 6 ms for a call in a context that is kept.
 */
import { allowAllNetwork, createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime } from 'secure-exec'

const guest = `require('node:http').createServer((request, response) => {
  const answer = value => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
  if (request.method === 'GET') return answer({ hello: new URL(request.url, 'http://localhost').searchParams.get('name') })
  let text = ''
  request.on('data', chunk => { text += chunk })
  request.on('end', () => answer(JSON.parse(text)))
}).listen(${Number(process.argv[2])}, '127.0.0.1')`

const runtime = new NodeRuntime({
  systemDriver: createNodeDriver({ permissions: allowAllNetwork, useDefaultNetwork: true }),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
  memoryLimit: 64
})
const { code, errorMessage } = await runtime.exec(guest)
// It serves until it is killed: coming here is a failure.
throw new Error(`the guest ended with ${code}: ${errorMessage}`)
