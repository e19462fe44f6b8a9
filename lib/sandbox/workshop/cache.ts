import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { exposureOf } from '../../directories.ts'
import { platformError } from '../../errors.ts'

/** What is kept of a module, each in a file of its own: only descriptions are read at the start. */
export type Kind = 'description' | 'code' | 'map' | 'checks'

const DAY_MS = 24 * 60 * 60 * 1000

/** Entries beyond those in use that stay, at least: what a roll back, or a switch of branches, needs again. */
const SPARE_MIN = 100

/** Results of builds, on disk, by content. They are code, so nobody else may write them. */
export class Cache {
  readonly #directory: string
  readonly #used = new Set<string>()
  #written = 0
  #sweeping: Promise<void> | undefined

  /** @throws `FMS_ERR_OPTIONS` where others may write to the directory */
  constructor (directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#directory = realpathSync(directory)
    const exposure = exposureOf(this.#directory, { mayBeRead: false }) ?? exposureOf(dirname(this.#directory), { mayBeRead: true })
    if (exposure !== undefined) throw platformError('FMS_ERR_OPTIONS', `- DATA_DIR: ${exposure}`)
  }

  /** Undefined for what is not there, and for what is not as it was written. */
  async read (key: string, kind: Kind): Promise<Buffer | undefined> {
    this.#used.add(key)
    const contents = intact(await readFile(this.#file(key, kind)).catch(() => undefined))
    if (contents === undefined) await rm(this.#file(key, kind), { force: true }).catch(() => {})
    return contents
  }

  /** For those who cannot wait. */
  readSync (key: string, kind: Kind): Buffer | undefined {
    try {
      return intact(readFileSync(this.#file(key, kind)))
    } catch {
      return undefined
    }
  }

  /** Whole or not at all, whoever reads, and whenever the process ends. */
  async write (key: string, kind: Kind, contents: string | Buffer): Promise<void> {
    this.#used.add(key)
    const file = this.#file(key, kind)
    const temporary = `${file}.${randomUUID()}`
    try {
      await writeFile(temporary, Buffer.concat([Buffer.from(digest(contents), 'latin1'), Buffer.from(contents as string)]), { mode: 0o600, flag: 'wx' })
      await rename(temporary, file)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      throw error
    }
    this.#written++
    if (this.#written > Math.max(SPARE_MIN, this.#used.size)) this.#sweep()
  }

  forget (key: string): void {
    this.#used.delete(key)
  }

  async close (): Promise<void> {
    await this.#sweeping
  }

  /**
   * As many entries again as are in use may stay, the newest: another process on the same directory has its own there. What
   * it misses, it builds again.
   */
  #sweep (): void {
    this.#written = 0
    this.#sweeping ??= this.#removeOld().catch(() => {}).finally(() => { this.#sweeping = undefined })
  }

  async #removeOld (): Promise<void> {
    const others = new Map<string, { names: string[], mtimeMs: number }>()
    for (const name of await readdir(this.#directory)) {
      const [key = '', , ...rest] = name.split('.')
      const { mtimeMs } = await stat(join(this.#directory, name)).catch(() => ({ mtimeMs: Date.now() }))
      // What a process that ended in mid-write left.
      if (rest.length > 0 && Date.now() - mtimeMs > DAY_MS) await rm(join(this.#directory, name), { force: true })
      if (rest.length > 0 || this.#used.has(key)) continue
      const entry = others.get(key) ?? { names: [], mtimeMs }
      entry.names.push(name)
      others.set(key, entry)
    }
    const old = [...others.values()].sort((one, other) => other.mtimeMs - one.mtimeMs).slice(Math.max(SPARE_MIN, this.#used.size))
    for (const name of old.flatMap(({ names }) => names)) await rm(join(this.#directory, name), { force: true })
  }

  #file (key: string, kind: Kind): string {
    return join(this.#directory, `${key}.${kind}`)
  }
}

const DIGEST_LENGTH = 64

function intact (found: Buffer | undefined): Buffer | undefined {
  const contents = found?.subarray(DIGEST_LENGTH)
  return contents !== undefined && digest(contents) === found?.toString('latin1', 0, DIGEST_LENGTH) ? contents : undefined
}

function digest (contents: string | Buffer): string {
  return createHash('sha256').update(contents).digest('hex')
}
