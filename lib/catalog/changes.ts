import { sep } from 'node:path'
import { isInside } from '../directories.ts'

/** What is to be looked at again. */
export interface Touched {
  /** Whether TENANTS_DIR may have other folders now. */
  readonly tenantsDirectory: boolean
  /** Whether something in these directories of a tenant's may have changed. */
  concerns (directories: ReadonlyArray<{ readonly path: string }>): boolean
}

const everything: Touched = { tenantsDirectory: true, concerns: () => true }

/** Collects where something changed, so that a look at 10,000 tenants' folders is one at those few. */
export class Changes {
  readonly #tenantsDirectory: string | undefined
  #directories: Set<string> | undefined = new Set()

  constructor (tenantsDirectory: string | undefined) {
    this.#tenantsDirectory = tenantsDirectory
  }

  /** @param directories where; undefined where nobody knows */
  add (directories: Iterable<string> | undefined): void {
    if (directories === undefined) this.#directories = undefined
    else for (const directory of directories) this.#directories?.add(directory)
  }

  /** All since it was last asked. */
  take (): Touched {
    const directories = this.#directories
    const parent = this.#tenantsDirectory
    this.#directories = new Set()
    if (directories === undefined) return everything
    const folders = new Set<string>()
    let elsewhere = false
    for (const directory of directories) {
      if (parent !== undefined && isInside(directory, parent)) folders.add(parent + sep + directory.slice(parent.length + 1).split(sep, 1)[0])
      else elsewhere ||= directory !== parent
    }
    return {
      tenantsDirectory: parent !== undefined && directories.has(parent),
      // A tenant's directory elsewhere is one of few.
      concerns: own => own.some(({ path }) => folders.has(path) || (elsewhere && !(parent !== undefined && isInside(path, parent))))
    }
  }
}
