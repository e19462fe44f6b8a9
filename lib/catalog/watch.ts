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
  /** Something in these directories may have changed. To be followed by `reconcile`, once it is known what there is now. */
  readonly onChange: (directories: ReadonlySet<string>) => void
  readonly log: { warn (details: { err: unknown }, message: string): void }
}

interface Watch {
  readonly system: FSWatcher
  readonly identity: string
}

/**
 * Says when something in directories may have changed, and in which. Rather too often than too rarely: also when a directory
 * begins to be watched, since nobody knows what happened in it between the caller's look and ours. Never keeps the process alive.
 *
 * Every 250 ms it looks at its targets. With `poll` it lists directories and takes the fingerprints of files. With
 * `events` it is one `stat` a directory, to see whether the path still leads to the one being watched: no event tells
 * that a parent was renamed, a link turned or a volume mounted, nor that a directory that was missing has come. Of a
 * directory whose parent is watched, the parent's events tell: 10,000 folders in one cost nothing while idle.
 */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #watches = new Map<string, Watch>()
  #directories: ReadonlySet<string> = new Set()
  #files: ReadonlySet<string> = new Set()
  /** State of each path at the last look. */
  readonly #seen = new Map<string, string>()
  /** Directories that no event would tell of; undefined where that must be found out. */
  #uncertain: readonly string[] | undefined
  /** Entries of watched directories that were renamed, made or deleted since the last look. */
  #stirred = new Set<string>()
  /** Whether the next look is to be at all. */
  #isComplete = false
  #isLooking = false
  #nextLook: NodeJS.Timeout | undefined
  #pending: { readonly since: number, readonly timer: NodeJS.Timeout } | undefined
  #changedIn = new Set<string>()
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
    for (const path of this.#seen.keys()) {
      if (!this.#isWanted(path)) this.#seen.delete(path)
    }
    this.#uncertain = undefined
    this.#lookIn(0)
  }

  close (): void {
    this.#isClosed = true
    this.#directories = new Set()
    clearTimeout(this.#nextLook)
    clearTimeout(this.#pending?.timer)
    for (const directory of this.#watches.keys()) this.#unwatch(directory)
  }

  #lookIn (ms: number): void {
    // Looks never overlap, however slow a volume is; the one under way starts the next.
    if (this.#isClosed || this.#isLooking) return
    clearTimeout(this.#nextLook)
    this.#nextLook = setTimeout(() => { this.#look() }, ms).unref()
  }

  async #look (): Promise<void> {
    this.#isLooking = true
    const startedAt = performance.now()
    const directories = this.#directories
    for (const directory of this.#toLookAt()) this.#note(directory, await this.#stateOf(directory), directory)
    if (this.#options.mode === 'poll') {
      for (const file of this.#files) this.#note(file, await fingerprint(file), dirname(file))
    }
    this.#isLooking = false
    // Where a look takes long, as at very many directories that cannot be watched, the pauses are as long.
    this.#lookIn(directories === this.#directories ? Math.max(LOOK_EVERY_MS, performance.now() - startedAt) : 0)
  }

  #toLookAt (): Iterable<string> {
    const stirred = this.#stirred
    this.#stirred = new Set()
    if (this.#options.mode === 'poll' || this.#isComplete) {
      this.#isComplete = false
      return this.#directories
    }
    this.#uncertain ??= [...this.#directories].filter(directory => !this.#watches.has(directory) || !this.#watches.has(dirname(directory)))
    return new Set([...this.#uncertain, ...[...stirred].filter(path => this.#directories.has(path))])
  }

  #note (path: string, state: string, directory: string): void {
    const before = this.#seen.get(path)
    if (before === state || !this.#isWanted(path)) return
    this.#seen.set(path, state)
    // What is in it may be other directories now, too, of which no event will tell.
    if (before !== undefined) this.#isComplete = true
    // A path that was not seen before counts as changed.
    this.#changed(directory)
  }

  #isWanted (path: string): boolean {
    return this.#directories.has(path) || this.#files.has(path)
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
      system.on('change', (event, name: string | null) => {
        // The directory's own end has its own name, or none. The watch may be dead although a new directory has the
        // same inode, so it is opened again; that an entry may have this name too costs no more than that.
        if (event === 'rename' && (name === null || name === basename(directory))) this.#unwatch(directory)
        if (name === null) this.#isComplete = true
        else if (event === 'rename') this.#stirred.add(join(directory, name))
        this.#changed(directory)
      })
      system.on('error', () => {
        this.#unwatch(directory)
        this.#changed(directory)
      })
      this.#watches.set(directory, { system, identity })
      this.#uncertain = undefined
      this.#changed(directory)
      return true
    } catch (error) {
      this.#warn(directory, error)
      return false
    }
  }

  #unwatch (directory: string): void {
    this.#watches.get(directory)?.system.close()
    this.#watches.delete(directory)
    this.#uncertain = undefined
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

  #changed (directory: string): void {
    if (this.#isClosed) return
    this.#changedIn.add(directory)
    const now = performance.now()
    const since = this.#pending?.since ?? now
    clearTimeout(this.#pending?.timer)
    const timer = setTimeout(() => {
      this.#pending = undefined
      const directories = this.#changedIn
      this.#changedIn = new Set()
      this.#options.onChange(directories)
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
