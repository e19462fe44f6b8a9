import type { Command } from './command.ts'

/** A command is loaded when it is called: help must not wait for what deploying takes. */
export const commands: Readonly<Record<string, { readonly summary: string, readonly load: () => Promise<Command> }>> = {
  init: { summary: 'Writes .env with fresh ids and secrets', load: () => import('./commands/init.ts') },
  start: { summary: 'Serves directories of modules, with no code', load: () => import('./commands/start.ts') },
  token: { summary: 'Makes a single-use token for one request', load: () => import('./commands/token.ts') },
  deploy: { summary: 'Uploads a module, sealed, and puts it live', load: () => import('./commands/deploy.ts') },
  versions: { summary: 'Lists uploaded modules and their versions', load: () => import('./commands/versions.ts') },
  rollback: { summary: 'Puts an earlier version live again', load: () => import('./commands/rollback.ts') },
  tenants: { summary: 'Registers, lists, disables and removes tenants', load: () => import('./commands/tenants.ts') },
  elevate: { summary: 'Makes a tenant the admin of an installation of its own', load: () => import('./commands/elevate.ts') },
  logs: { summary: 'Shows what modules logged, and how calls ended', load: () => import('./commands/logs.ts') }
}

/** What `--help` prints without a command. */
export function overview (): string {
  const width = Math.max(...Object.keys(commands).map(name => name.length))
  return `fastify-microservices <command> [options]

${Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

  <command> --help  what a command takes
  --version         of this package

Keys never stand in a command line. They come from MICROSERVICES_KEY="<kid> <secret>", from a file (--key-file), or from
ADMIN_ID and ADMIN_SECRET in .env. The server is --url, else MICROSERVICES_URL, else what .env says.

Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 no server, 4 key refused, 5 the module is broken.`
}
