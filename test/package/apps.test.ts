import { writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { install, pack, root, run, temporaryDirectory } from './tarball.ts'

const greet = `
import { Type } from '@sinclair/typebox'
import { endpoint } from 'fastify-microservices'

export const greet = endpoint({
  params: ['name'],
  args: Type.Object({ name: Type.String() }),
  returns: Type.Object({ hello: Type.String() })
}, async ({ name }) => ({ hello: name }))
`

const tarball = await pack(t)

/** Installs the package beside the app's files. */
async function appOf (t: Test, files: Record<string, string>): Promise<string> {
  const app = await install(t, tarball)
  await write(app, files)
  return app
}

async function write (directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(directory, name, '..'), { recursive: true })
    await writeFile(join(directory, name), text)
  }
}

t.test('an app of ES modules serves a module', async t => {
  const app = await appOf(t, {
    'plugins/greet.ts': greet,
    'app.mjs': `
      import Fastify from 'fastify'
      import microservices from 'fastify-microservices'

      const app = Fastify()
      await app.register(microservices)
      console.log((await app.inject('/rest/services/greet/you')).body)
      await app.close()
    `
  })
  t.strictSame(JSON.parse(await run(app, process.execPath, 'app.mjs')), { hello: 'you' })
})

t.test('a CommonJS app serves a module', async t => {
  const app = await appOf(t, {
    'plugins/greet.ts': greet,
    'app.cjs': `
      const Fastify = require('fastify')
      const { microservices } = require('fastify-microservices')

      const app = Fastify()
      app.register(microservices, { plugins: ['./plugins'] })
      app.inject('/rest/services/greet/you').then(answer => {
        console.log(answer.body)
        return app.close()
      })
    `
  })
  t.strictSame(JSON.parse(await run(app, process.execPath, 'app.cjs')), { hello: 'you' })
})

t.test('a plugin directory needs no node_modules of its own', async t => {
  const plugins = await temporaryDirectory(t)
  await write(plugins, { 'greet.ts': greet })
  const app = await appOf(t, {
    'app.mjs': `
      import Fastify from 'fastify'
      import microservices from 'fastify-microservices'

      const app = Fastify()
      await app.register(microservices, { plugins: [${JSON.stringify(plugins)}] })
      console.log((await app.inject('/rest/services/greet/you')).body)
      await app.close()
    `
  })
  t.strictSame(JSON.parse(await run(app, process.execPath, 'app.mjs')), { hello: 'you' })
})

t.test('an app of TypeScript has types for options, handlers and the Fastify instance', async t => {
  const app = await appOf(t, {
    'package.json': '{ "type": "module" }',
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        target: 'es2024',
        module: 'nodenext',
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noEmit: true,
        allowImportingTsExtensions: true
      },
      include: ['app.ts', 'plugins']
    }),
    'plugins/greet.ts': greet,
    'app.ts': `
      import Fastify, { type FastifyInstance } from 'fastify'
      import { Type } from '@sinclair/typebox'
      import microservices, { endpoint, type MicroservicesOptions } from 'fastify-microservices'
      import { greet } from './plugins/greet.ts'

      const options: MicroservicesOptions = { plugins: ['./plugins'], authorize: (request, match) => match.api === 'greet' }
      // @ts-expect-error the prefix is text
      options.prefix = 1

      endpoint({ args: Type.Object({ count: Type.Integer() }), returns: Type.Integer() }, ({ count }) => count + 1)
      // @ts-expect-error the result is a number
      endpoint({ args: Type.Object({ count: Type.Integer() }), returns: Type.Integer() }, ({ count }) => String(count))
      // @ts-expect-error the name is text
      await greet({ name: 1 })

      const app: FastifyInstance = Fastify()
      await app.register(microservices, { ...options, prefix: '/rest/services' })
      const answer = await app.inject('/rest/services/greet/you')
      console.log(JSON.stringify({ answer: answer.json(), directory: typeof app.microservices.directory() }))
      await app.close()
    `
  })
  await run(app, process.execPath, join(root, 'node_modules/typescript/bin/tsc'))
  t.strictSame(JSON.parse(await run(app, process.execPath, 'app.ts')), { answer: { hello: 'you' }, directory: 'object' })
})
