import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { concealed, type PlatformError, platformError, unavailable } from '../errors.ts'
import { ARCHIVE_BYTES_MAX } from '../source/files.ts'
import { getCall } from './call.ts'

/** A sealed one is base64url, and its header. */
const BODY_BYTES_MAX = Math.ceil(ARCHIVE_BYTES_MAX * 4 / 3) + 4_096

/** Bodies are held whole, since a token says what they must be: these take 180 MB. */
const AT_ONCE = 16

/** Bytes of the largest at 3 Mbit/s. Whoever is slower would keep others from their turn. */
const BODY_MS = 30_000

/** Has bodies of any type read as bytes, up to what an upload may be, from so many at once. */
export function takeUploads (context: FastifyInstance): void {
  context.removeAllContentTypeParsers()
  context.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) => done(null, body))
  const busy = new Set<string>()
  // After the token was found good, before anything of the body is read.
  context.addHook('preParsing', (request, reply, _payload, done) => {
    const owner = getCall(request).match?.module.owner ?? ''
    if (busy.has(owner)) return done(tooMany())
    if (busy.size >= AT_ONCE) return done(concealed('FMS_ERR_UNAVAILABLE', 503, unavailable('too many uploads at once')))
    busy.add(owner)
    whenDone(request, reply, () => busy.delete(owner))
    done()
  })
}

function tooMany (): PlatformError {
  return Object.assign(platformError('FMS_ERR_BUSY', 'one upload of an owner at a time'), { headers: { 'retry-after': '1' } })
}

/** The answer was sent, or the client has left. A body that does not come ends its connection. */
function whenDone ({ raw }: FastifyRequest, reply: FastifyReply, leave: () => void): void {
  const timer = setTimeout(() => raw.destroy(), BODY_MS).unref()
  raw.once('end', () => clearTimeout(timer))
  const end = (): void => {
    clearTimeout(timer)
    leave()
  }
  if (reply.raw.closed) end()
  else reply.raw.once('close', end)
}
