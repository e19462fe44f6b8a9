import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'

/** The producer, and what that imports. */
const modules = ['base64url.js', 'produce.js', 'profile.js']

/** The page's own script only: an injected one could use the key as well. */
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

interface PageOptions {
  /** The text of one of those modules; what the package was built to, by default. */
  source?: (name: string) => Promise<string>
}

/** Serves a page that makes tokens, below the prefix that it is registered with. */
export async function serveBrowserPage (app: FastifyInstance, { source = readBuilt }: PageOptions): Promise<void> {
  app.get('/', { prefixTrailingSlash: 'slash' }, async (_request, reply) => {
    reply.type('text/html; charset=utf-8').header('content-security-policy', policy)
    return await readFile(`${import.meta.dirname}/index.html`)
  })
  const script = (url: string, text: () => Promise<string>): void => {
    app.get(url, async (_request, reply) => {
      reply.type('text/javascript; charset=utf-8')
      return await text()
    })
  }
  script('/page.js', () => readFile(`${import.meta.dirname}/page.js`, 'utf8'))
  for (const name of modules) script(`/tokens/${name}`, () => source(name))
}

function readBuilt (name: string): Promise<string> {
  return readFile(new URL(name, import.meta.resolve('fastify-microservices/tokens')), 'utf8')
}
