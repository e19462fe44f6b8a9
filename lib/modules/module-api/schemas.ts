import { type Static, Type } from '@sinclair/typebox'
import type { VersionListing } from '../../deploy/versions.ts'

export const Module = Type.String({ maxLength: 200, description: 'Name of an uploaded module' })

/** Whole, as it is told. */
export const Version = Type.String({ description: 'SHA-256 of the list of its files, as `sha256sum` prints it: 64 hex digits' })

/** As it is asked for. */
export const VersionPrefix = Type.String({ maxLength: 64, description: 'The first 12 hex digits of a version, or more' })

export const Changes = Type.Array(Type.Object({
  api: Type.String(),
  method: Type.Optional(Type.String({ description: 'None: with all its methods' })),
  breaking: Type.Boolean({ description: 'Whoever calls it may fail now, or not understand the answer' }),
  text: Type.String()
}), { description: 'How its endpoints differ from what was live, those first that break callers' })

export const Listing = Type.Object({
  module: Type.String(),
  active: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'The version that is live; null for none' }),
  versions: Type.Array(Type.Object({
    version: Version,
    createdAt: Type.String({ description: 'ISO 8601' }),
    by: Type.String({ description: 'The key of whoever uploaded it' }),
    files: Type.Integer(),
    bytes: Type.Integer(),
    active: Type.Boolean()
  }), { description: 'The newest first' })
})

/** As it is shown. */
export function shown ({ module: _, createdAt, ...version }: VersionListing): Static<typeof Listing>['versions'][number] {
  return { ...version, createdAt: new Date(createdAt).toISOString() }
}
