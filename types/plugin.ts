import type { DirectoryListing } from './directory.ts'

/** What the plugin decorates the host with, as `app.microservices`. */
export interface Microservices {
  /** Where its URLs begin, with the prefix of the context that it was registered in. */
  readonly prefix: string
  /** All that is served, and all that is not, with the reason. */
  directory (): DirectoryListing
  /** Brings what is served in line with the files now; needed with `watch: false` only. Not from within `__start__`, for which it waits. */
  refresh (): Promise<void>
  /** The registration under another prefix; `FMS_ERR_PREFIX` where there is none. */
  at (prefix: string): Microservices
}
