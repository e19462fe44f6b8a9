import { logs, type LogSources } from './module-api/logs.ts'
import { upload, type Uploads } from './module-api/upload.ts'
import { versions, type VersionDesk } from './module-api/versions.ts'

export interface ModuleApiOptions {
  readonly deployer: Uploads & VersionDesk
  readonly logs: LogSources
  readonly uploads: 'off' | 'on' | 'sealed'
}

/** Exports of the built-in module `module-api`, by which owners, and tenants' admins, look after uploaded modules. */
export function moduleApi ({ deployer, logs: sources, uploads }: ModuleApiOptions): Record<string, unknown> {
  return { ...uploads !== 'off' && upload(deployer), ...versions(deployer), ...logs(sources) }
}
