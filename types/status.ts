/** What stands between tenants' code and the system: each true where it is in force. */
export interface Layers {
  /** What makes the namespaces: bubblewrap, util-linux, or nothing. */
  readonly by: 'bubblewrap' | 'util-linux' | 'none'
  /** No network, loopback included. */
  readonly network: boolean
  /** No other process can be seen or signalled. */
  readonly processes: boolean
  /** No file but Node's own and the cell's. */
  readonly files: boolean
  /** A user namespace, or a user that owns nothing. */
  readonly user: boolean
  /** A limit of data memory, held by the kernel. */
  readonly data: boolean
  /** An empty environment. */
  readonly environment: boolean
}

/** One child process that runs tenants' code. */
export interface CellStatus {
  readonly pid: number
  /** `shared` for the quick, else the tenant that it is for. `standby` has none yet. */
  readonly use: 'standby' | 'shared' | 'dedicated' | 'hardened'
  /** The tenant of a dedicated cell. */
  readonly owner?: string
  readonly isolates: number
  readonly residentBytes: number
}

/** What `app.microservices.status()` gives. */
export interface SandboxStatus {
  readonly layers: Layers
  readonly cells: readonly CellStatus[]
  readonly isolates: number
  /** Ends of cells and isolates by force, by reason, since the start. */
  readonly kills: Readonly<Record<'timeout' | 'memory' | 'crash' | 'garbage', number>>
}

/** A line of an owner's log: what its modules wrote, why calls failed, and each of the last calls. */
export interface OwnerLogEntry {
  /** Greater than that of any earlier entry of this owner. */
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly time: number
  /** A call's own entry is `info`, whatever became of it. */
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  readonly module: string
  readonly version: string
  readonly message: string
  readonly api?: string
  readonly requestId?: string
  /** Of the limit that was broken, or of how the call failed. */
  readonly code?: `FMS_ERR_${string}`
  readonly stack?: string
  /** Of a call's own entry, as are the next two: the HTTP method. */
  readonly method?: string
  /** What the client got. */
  readonly status?: number
  /** From when its arguments were read until its answer was on its way, or sent where it took its time; none: it did not come so far. */
  readonly milliseconds?: number
}

/** An entry that is to be written. */
export type NewLogEntry = Omit<OwnerLogEntry, 'id' | 'method' | 'status' | 'milliseconds'>
