import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { buildOwners, type BuiltOwners } from '../owners/owners.ts'

export const unknown = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'

/** A line of the log, as it was written. */
export interface Line { level: number, msg: string, audit?: Record<string, unknown> }

export interface Desk extends BuiltOwners {
  /** All that was logged so far, as text. */
  readonly log: () => string
  /** Audit lines since the last time. */
  readonly audits: () => Line[]
  /** A new tenant of the first admin, with its keys. */
  readonly register: (userid: string) => Promise<{ uuid: string, keys: Array<{ kid: string, kind: string, secret: string }> }>
}

/** An app whose log is kept. */
export async function openDesk (t: Test, options: Parameters<typeof buildOwners>[1] = {}): Promise<Desk> {
  const lines: string[] = []
  let read = 0
  const stream = { write: (line: string) => { lines.push(line) } }
  const built = await buildOwners(t, { fastify: { logger: { level: 'debug', stream } }, ...options })
  return {
    ...built,
    log: () => lines.join(''),
    audits: () => {
      const all = lines.slice(read).map(line => JSON.parse(line) as Line)
      read = lines.length
      return all.filter(({ audit }) => audit !== undefined)
    },
    register: async userid => {
      const answer = await built.manage('POST', 'register', { userid })
      t.equal(answer.statusCode, 200, userid)
      return answer.json()
    }
  }
}

/** What a client is told, for comparing: with the UUID that it sent made the same. */
export function told (answer: LightMyRequestResponse, uuid: string): { status: number, body: string, headers: string[] } {
  return { status: answer.statusCode, body: answer.body.replaceAll(uuid, '<uuid>'), headers: Object.keys(answer.headers).sort() }
}
