import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fingerprint } from './fingerprint.ts'

/** An editor's save or a `git checkout` is several events: wait until they pause. */
const QUIET_MS = 60
/** But not for ever: a log file written beside the modules never pauses. */
const PATIENCE_MS = 300
/** With the waits above and the work that follows it stays under the second within which a change is to be live. */
const LOOK_EVERY_MS = 250

export interface WatchTargets {
  /** The plugin directories and the folders in them. */
  readonly directories: Iterable<string>
  /** All files that modules are made of, wherever they are. */
  readonly files: Iterable<string>
}

export interface WatcherOptions {
  /** `events` of the system, or `poll` where it gives none, as for mounted volumes. */
  readonly mode: 'events' | 'poll'
  /** Something may have changed. To be followed by `reconcile`, once it is known what there is now. */
  readonly onChange: () => void
  readonly log: { warn (details: { err: unknown }, message: string): void }
}

interface Watch {
  readonly system: FSWatcher
  readonly identity: string
}

/**
 * Says when something in directories may have changed. Rather too often than too rarely: also when a directory begins to
 * be watched, since nobody knows what happened in it between the caller's look and ours. Never keeps the process alive.
 *
 * Every 250 ms it looks at its targets. With `poll` it lists directories and takes the fingerprints of files. With
 * `events` it is one `stat` a directory, to see whether the path still leads to the one being watched: no event tells
 * that a parent was renamed, a link turned or a volume mounted, nor that a directory that was missing has come.
 */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #watches = new Map<string, Watch>()
  #directories: ReadonlySet<string> = new Set()
  #files: ReadonlySet<string> = new Set()
  /** State of each path at the last look. */
  #seen: ReadonlyMap<string, string> = new Map()
  #isLooking = false
  #nextLook: NodeJS.Timeout | undefined
  #pending: { readonly since: number, readonly timer: NodeJS.Timeout } | undefined
  #hasWarned = false
  #isClosed = false

  constructor (options: WatcherOptions) {
    this.#options = options
  }

  /** Watches these and nothing else from now on. */
  reconcile (targets: WatchTargets): void {
    if (this.#isClosed) return
    const { mode } = this.#options
    this.#files = new Set(targets.files)
    // A file is watched through its directory: a watch of its own would stay with the old file when an editor saves by renaming.
    this.#directories = new Set([...targets.directories, ...(mode === 'events' ? [...this.#files].map(file => dirname(file)) : [])])
    for (const directory of this.#watches.keys()) {
      if (!this.#directories.has(directory)) this.#unwatch(directory)
    }
    this.#lookLater({ isFull: true })
  }

  close (): void {
    this.#isClosed = true
    this.#directories = new Set()
    clearTimeout(this.#nextLook)
    clearTimeout(this.#pending?.timer)
    for (const directory of this.#watches.keys()) this.#unwatch(directory)
  }

  #lookLater ({ isFull }: { isFull: boolean }): void {
    // Looks never overlap, however slow a volume is; the one under way starts the next.
    if (this.#isClosed || this.#isLooking) return
    clearTimeout(this.#nextLook)
    this.#nextLook = setTimeout(() => { this.#look(isFull) }, isFull ? 0 : LOOK_EVERY_MS).unref()
  }

  async #look (isFull: boolean): Promise<void> {
    this.#isLooking = true
    const directories = this.#directories
    const seen = new Map<string, string>()
    for (const directory of directories) {
      // Its parent's events tell what becomes of it, and `reconcile` follows them: a thousand folders cost nothing while idle.
      const known = !isFull && this.#watches.has(dirname(directory)) ? this.#watches.get(directory)?.identity : undefined
      seen.set(directory, known ?? await this.#stateOf(directory))
    }
    if (this.#options.mode === 'poll') {
      for (const file of this.#files) seen.set(file, await fingerprint(file))
    }
    this.#isLooking = false
    // A path that was not seen before counts as changed; one that is no longer asked for does not.
    if ([...seen].some(([path, state]) => this.#seen.get(path) !== state)) this.#changed()
    this.#seen = seen
    this.#lookLater({ isFull: directories !== this.#directories })
  }

  async #stateOf (directory: string): Promise<string> {
    if (this.#options.mode === 'poll') return await contentOf(directory)
    // Taken before the watch is opened: should the directory be replaced in between, the next look sees another identity.
    const identity = await identityOf(directory)
    if (this.#watches.get(directory)?.identity === identity) return identity
    this.#unwatch(directory)
    if (identity === 'missing' || this.#watch(directory, identity)) return identity
    return await contentOf(directory)
  }

  /** Whether the system watches it now. */
  #watch (directory: string, identity: string): boolean {
    // Closed, or no longer asked for, while its identity was being read.
    if (!this.#directories.has(directory)) return true
    try {
      const system = watch(directory, { persistent: false })
      system.on('change', (event, name) => {
        // The directory's own end has its own name, or none. The watch may be dead although a new directory has the
        // same inode, so it is opened again; that an entry may have this name too costs no more than that.
        if (event === 'rename' && (name === null || name === basename(directory))) this.#unwatch(directory)
        this.#changed()
      })
      system.on('error', () => {
        this.#unwatch(directory)
        this.#changed()
      })
      this.#watches.set(directory, { system, identity })
      this.#changed()
      return true
    } catch (error) {
      this.#warn(directory, error)
      return false
    }
  }

  #unwatch (directory: string): void {
    this.#watches.get(directory)?.system.close()
    this.#watches.delete(directory)
  }

  #warn (directory: string, error: unknown): void {
    const { code } = error as NodeJS.ErrnoException
    // Deleted a moment ago: the next look sees it.
    if (this.#hasWarned || code === 'ENOENT') return
    this.#hasWarned = true
    this.#options.log.warn({ err: error },
      `cannot watch ${directory} (${code}): such directories are polled until it works. Raise fs.inotify.max_user_watches, ` +
      "fs.inotify.max_user_instances or the limit of open files, or set `watch: 'poll'`")
  }

  #changed (): void {
    if (this.#isClosed) return
    const now = performance.now()
    const since = this.#pending?.since ?? now
    clearTimeout(this.#pending?.timer)
    const timer = setTimeout(() => {
      this.#pending = undefined
      this.#options.onChange()
    }, Math.max(0, Math.min(QUIET_MS, since + PATIENCE_MS - now))).unref()
    this.#pending = { since, timer }
  }
}

/** Which directory a path leads to. The time of birth tells it from a later one that was given the same inode. */
async function identityOf (directory: string): Promise<string> {
  try {
    const { dev, ino, birthtimeNs } = await stat(directory, { bigint: true })
    return `${dev}:${ino}:${birthtimeNs}`
  } catch {
    return 'missing'
  }
}

async function contentOf (directory: string): Promise<string> {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    const states = await Promise.all(entries.map(async entry =>
      `${entry.name}/${entry.isDirectory() ? 'directory' : await fingerprint(join(directory, entry.name))}`))
    return states.sort().join('\n')
  } catch (error) {
    return `unreadable:${(error as NodeJS.ErrnoException).code}`
  }
}
