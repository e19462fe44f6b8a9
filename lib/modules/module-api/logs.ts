import { Type } from '@sinclair/typebox'
import type { OwnerLogEntry } from '../../../types/status.ts'
import { callerOf, responseOf } from '../../http/call.ts'
import type { Reader } from '../../tenancy/logs.ts'
import { action } from '../action.ts'
import { Tail } from './tail.ts'

/** Where logs are read. */
export interface LogSources {
  /** What an owner's log holds, oldest first. */
  entries (owner: string): OwnerLogEntry[]
  /** Has a reader told what is written from now on; returns what ends that. */
  follow (owner: string, reader: Reader): () => void
  /** Whether a key still opens the management of an owner. */
  manages (kid: string, owner: string): boolean
}

const text = (description: string) => Type.Optional(Type.String({ description }))

const Entry = Type.Object({
  id: Type.Integer({ description: 'Greater than that of any entry before' }),
  time: Type.Integer({ description: 'Milliseconds since the epoch' }),
  level: Type.String({ description: 'trace, debug, info, warn, error or fatal; info for a call, whatever became of it' }),
  module: Type.String(),
  version: Type.String(),
  message: Type.String({ description: 'What a module wrote, why a call failed, or what the client was told. Text of others: it may hold anything' }),
  api: text('The endpoint'),
  requestId: text('The same for all entries of a call'),
  code: text('Of the limit that was broken, or of how the call failed'),
  stack: text('With positions in the source as its author knows it'),
  method: text('Of a call that ended'),
  status: Type.Optional(Type.Integer({ description: 'What the client of that call got' })),
  milliseconds: Type.Optional(Type.Integer({ description: 'How long that call took, from when its arguments were read; none: it was refused before' }))
})

const args = Type.Object({
  module: text('Only entries of this module'),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: 'Entries at most, the last ones' }),
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'Only entries after the one with this id' })),
  follow: Type.Boolean({ default: false, description: 'Also what comes from now on, for ten minutes at most: answered as text/event-stream' })
})

/** The endpoint that shows an owner's log, and goes on to show it. */
export function logs (sources: LogSources): Record<string, unknown> {
  return {
    logs: action('logs', {
      tags: ['logs'],
      summary: 'Shows what modules wrote, why calls failed, and the last calls',
      description: 'As far as the node remembers that answers. Failures have a line of their own, beside the call\'s.',
      args,
      returns: Type.Object({ entries: Type.Array(Entry) })
    }, ({ module, limit, after = 0, follow }, { owner, request }) => {
      const wants = (entry: OwnerLogEntry): boolean => module === undefined || entry.module === module
      const entries = sources.entries(owner).filter(entry => entry.id > after && wants(entry)).slice(-limit)
      if (!follow) return { entries }
      const { kid = '' } = callerOf(request) ?? {}
      const tail = new Tail({ entries, wants, mayStay: () => sources.manages(kid, owner), response: responseOf(request) })
      return tail.open(reader => sources.follow(owner, reader))
    })
  }
}
