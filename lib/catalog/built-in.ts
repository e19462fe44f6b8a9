import { describe } from '../describe/describe.ts'
import { ModuleVersion } from './module.ts'

/** A module that the platform itself brings along. */
export interface BuiltIn {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
}

/** Makes the version of a built-in module that one admin has. */
export function buildIn (owner: string, { name, exports }: BuiltIn): ModuleVersion {
  const file = '(built in)'
  return new ModuleVersion({ owner, name, file, version: 'built-in', builtIn: true }, { exports, mapStack: stack => stack }, describe(exports, file, process.cwd()))
}
