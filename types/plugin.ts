import type { DirectoryListing } from './directory.ts'
import type { OwnerLogEntry, SandboxStatus } from './status.ts'

/** What the plugin decorates the host with, as `app.microservices`. */
export interface Microservices {
  /** Where its URLs begin, with the prefix of the context that it was registered in. */
  readonly prefix: string
  /** All that is served, and all that is not, with the reason. */
  directory (): DirectoryListing
  /** Brings what is served in line with the files now; needed with `watch: false` only. Not from within `__start__`, for which it waits. */
  refresh (): Promise<void>
  /** How tenants' code is walled off, and what runs; undefined in single-tenant mode, which has no tenants. */
  status (): SandboxStatus | undefined
  /** The end of an owner's log, oldest first: what a tenant's modules wrote, why calls failed, and each of the last calls. */
  logs (owner: string): OwnerLogEntry[]
  /** The registration under another prefix; `FMS_ERR_PREFIX` where there is none. */
  at (prefix: string): Microservices
}
