import { resolve } from 'node:path'
import { type ParseArgsOptionsConfig, promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { isReservedName, namePattern } from '../../names.ts'
import { ARCHIVE_BYTES_MAX } from '../../source/files.ts'
import { randomName } from '../../tokens/produce.ts'
import { seal } from '../../tokens/seal.ts'
import { ownerOptions, ownerUsage, usageError } from '../arguments.ts'
import { Client } from '../client.ts'
import { type Call, CommandError, EXIT, textOf } from '../command.ts'
import { type Change, changeLines, type Listed, openModules, SHORT } from '../modules.ts'
import { plain, sizeOf } from '../output.ts'
import { readSources, type Sources } from '../sources.ts'

export const options = {
  ...ownerOptions, name: { type: 'string' }, compatible: { type: 'boolean' }, activate: { type: 'boolean' }
} as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices deploy <file or folder> [--name <module>] [--compatible] [--no-activate]

Uploads a module, sealed under your key, and puts it live on every node within a second; says what that changes for its
callers. What is there already is not sent again, so it can be repeated at will. Hidden files stay here.

  --name <module>    its name, where it is not that of its file or folder
  --compatible       have it refused where it would break callers
  --no-activate      keep the version, and leave live what is; it can be called as <module>@<version>
${ownerUsage.slice(1)}`

/** Of which making the module may take most. */
const UPLOAD_MS = 120_000
/** As tokens live: a server takes a seal for no longer than a token, and no body for more than half a minute. */
const SEAL_SECS = 30

interface Uploaded {
  readonly version: string
  readonly active: boolean
  readonly unchanged?: boolean
  readonly changes?: readonly Change[]
}

/** Uploads what the server does not have. */
export async function run (call: Call): Promise<number> {
  const { positionals: [place, ...others], values, output, directory, signal } = call
  if (place === undefined || others.length > 0) throw usageError('deploy', 'expected one file or folder')
  const sources = await readSources(resolve(directory, place), signal)
  const module = moduleName(textOf(values, 'name') ?? sources.name)
  const client = await Client.of(call)
  output.progress(`${module}: asking the server`)
  const { path, modules: [listed] } = await openModules(call, client, module)
  const { body, line } = await bring(call, client, { path, module, sources, listed })
  const { changes } = body
  const breaking = changes?.filter(({ breaking }) => breaking).length ?? 0
  output.result({ module, files: sources.files.length, bytes: sources.bytes, ...body }, [
    line, ...changeLines(changes), ...breaking > 0 && body.active ? [`${breaking} of these may break callers. To go back: fastify-microservices rollback ${module}`] : []
  ])
  return EXIT.done
}

interface Deployment {
  readonly path: string
  readonly module: string
  readonly sources: Sources
  readonly listed: Listed | undefined
}

/** Does what is left to do: nothing, activating, or all. */
async function bring (call: Call, client: Client, deployment: Deployment): Promise<{ body: Uploaded, line: string }> {
  const { path, module, sources: { version }, listed } = deployment
  const short = version.slice(0, SHORT)
  const url = `${client.base}${path.replace(/\/module-api$/, '')}/${module}`
  const activate = call.values['activate'] !== false
  const kept = listed?.versions.find(other => other.version === version)
  if (kept !== undefined && (kept.active || !activate)) {
    return { body: { version, active: kept.active, unchanged: true }, line: `${module} ${short} is unchanged${kept.active ? ' and live' : ', kept and not live'}. Nothing was done.` }
  }
  const was = listed?.active === null || listed === undefined ? '' : `, it was ${listed.active.slice(0, SHORT)}`
  // What callers would lose is held against the rules by an upload only.
  if (kept !== undefined && call.values['compatible'] !== true) {
    const { body } = await client.ask('POST', `${path}/activate`, { payload: { module, version } })
    return { body: { active: true, unchanged: true, ...body as object, version }, line: `${module} ${short} is live at ${url}${was}. It was uploaded before.` }
  }
  const body = await upload(call, client, deployment)
  if (body.version !== version) call.output.note(`The server names it ${plain(body.version).slice(0, SHORT)}, not ${short}: its fastify-microservices is of another version.`)
  const { files, bytes } = deployment.sources
  const size = `${files.length} file${files.length === 1 ? '' : 's'}, ${sizeOf(bytes)}`
  return { body, line: body.active ? `${module} ${short} (${size}) is live at ${url}${was}.` : `${module} ${short} (${size}) is kept, and not live. A preview: ${url}@${short}` }
}

async function upload ({ values, output }: Call, client: Client, { path, module, sources }: Deployment): Promise<Uploaded> {
  const { kid, secret } = client.key
  const content = await pack(sources)
  const cty = sources.source === undefined ? 'application/gzip' : `text/${sources.source}`
  const iat = Math.floor(Date.now() / 1000)
  // Where URLs name nobody, it is whoever has the key.
  const owner = path === '/module-api' ? kid.slice(0, kid.indexOf('.')) : path.slice(1, path.indexOf('/', 1))
  const text = await seal(content, { kid, typ: 'module+jose', jti: randomName(), cty, iat, exp: iat + SEAL_SECS, owner, module }, secret)
  const { body } = await client.ask('POST', `${path}/upload/${module}`, {
    query: { activate: values['activate'] === false ? false : undefined, compatible: values['compatible'] === true ? true : undefined },
    content: {
      type: 'application/jose',
      text,
      progress: (sent, of) => output.progress(sent < of ? `${module}: uploading, ${Math.floor(sent / of * 100)}% of ${sizeOf(of)}` : `${module}: uploaded, the server makes it`)
    },
    withinMs: UPLOAD_MS
  })
  return body as Uploaded
}

async function pack ({ files, source }: Sources): Promise<Uint8Array> {
  const content = source === undefined ? await archive(files) : files[0]!.contents
  if (content.length > ARCHIVE_BYTES_MAX) {
    throw new CommandError(`Expected at most ${sizeOf(ARCHIVE_BYTES_MAX)} as an archive; found ${sizeOf(content.length)}. Leave out what is no source, or bundle it.`, EXIT.broken)
  }
  return content
}

async function archive (files: Sources['files']): Promise<Uint8Array> {
  const { packTar } = await import('modern-tar')
  // Of files nothing counts but their names and contents.
  const entries = files.map(({ path, contents }) => ({ header: { name: path, size: contents.length, mode: 0o644, mtime: new Date(0) }, body: contents }))
  return await promisify(gzip)(await packTar(entries))
}

function moduleName (name: string): string {
  if (!namePattern.test(name) || isReservedName(name)) {
    throw usageError('deploy', `expected a module's name of letters, digits, "-" and "_", not tenant-api or module-api; found ${JSON.stringify(name)}; give another by --name`)
  }
  return name
}
