import { createRequire } from 'node:module'

export type Esbuild = typeof import('esbuild')

/**
 * Loads a copy of esbuild's API that nobody else in the process sees. A copy has a service process of its own, so it
 * can be stopped while builds of the host, or of another plugin, go on in theirs.
 */
export function privateEsbuild (): Esbuild {
  const require = createRequire(import.meta.url)
  const path = require.resolve('esbuild')
  const shared = require.cache[path]
  delete require.cache[path]
  try {
    return require(path) as Esbuild
  } finally {
    delete require.cache[path]
    if (shared !== undefined) require.cache[path] = shared
  }
}
