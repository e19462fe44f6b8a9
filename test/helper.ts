import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import microservices, { type MicroservicesOptions } from '../lib/index.ts'
import type { Test } from 'tap'

/** Source of a module that exports `endpoints`, each the arguments of one `endpoint()` call. */
export function moduleSource (endpoints: Record<string, string>, more = ''): string {
  const exports = Object.entries(endpoints).map(([name, call]) => `export const ${name} = endpoint(${call})`)
  return `import { endpoint, command, assert, fail } from 'fastify-microservices'\nimport { Type } from '@sinclair/typebox'\n${more}\n${exports.join('\n')}\n`
}

export interface BuildOptions extends MicroservicesOptions {
  /** A plugin directory's files by path, written to disk; or use `plugins` for directories that are there. */
  files?: Parameters<Test['testdir']>[0]
  fastify?: FastifyServerOptions
  /** Runs before the plugin is registered. */
  before?: (app: FastifyInstance) => unknown
  /** Runs after the plugin is registered, before the app is ready. */
  after?: (app: FastifyInstance) => unknown
}

export interface Built {
  app: FastifyInstance
  /** Of the plugin directory that `files` became. */
  directory: string
  /** Path of an endpoint, below the prefix. */
  url: (path: string) => string
}

/** A directory that is gone after the test: unlike a `testdir()`, of which a test has one. */
export function temporaryDirectory (t: Pick<Test, 'teardown'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'fastify-microservices-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** An app that serves a plugin directory; ready, and closed with the test. Watches nothing and reads no environment unless told. */
export async function build (t: Test, { files, fastify, before, after, ...options }: BuildOptions = {}): Promise<Built> {
  // A second testdir() of a test empties its first, which `plugins` may lie in.
  const directory = files === undefined && options.plugins !== undefined ? '' : join(t.testdir({ plugins: files ?? {} }), 'plugins')
  // First, since it has to go last.
  const dataDirectory = temporaryDirectory(t)
  const app = Fastify(fastify)
  t.teardown(() => app.close())
  await before?.(app)
  await app.register(microservices, { plugins: [directory], watch: false, env: false, DATA_DIR: dataDirectory, ...options })
  await after?.(app)
  await app.ready()
  return { app, directory, url: path => `${options.prefix ?? '/rest/services'}${path}` }
}
