/** An app in the working directory, by the settings of its `.env`. Tells where it listens; ends with its parent, or when it is told to. */
import Fastify from 'fastify'
import microservices from '../../lib/index.ts'

// Generous: machines of tests are slow and shared.
const app = Fastify({ pluginTimeout: 60_000, logger: { level: 'error', stream: process.stderr } })
process.once('SIGTERM', () => process.disconnect?.())
process.once('disconnect', () => { app.close() })
await app.register(microservices, { watch: false })
process.send?.(await app.listen({ host: '127.0.0.1', port: 0 }))
