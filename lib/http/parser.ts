import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Our JSON parser, in our own context, whatever the host's is: an empty body is no payload, and `__proto__` is a 400.
 * All other content types are the host's.
 */
export function addJsonParser (context: FastifyInstance): void {
  if (context.hasContentTypeParser('application/json')) context.removeContentTypeParser('application/json')
  // `constructor` is let through: it stays in `body`, and never becomes an argument.
  const parse = context.getDefaultJsonParser('error', 'ignore')
  context.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else parse(request, body as string, done)
  })
}

/** An empty body is no payload whatever its content type: without one, Fastify asks no parser. */
export function ignoreEmptyBody (request: FastifyRequest): void {
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (type !== undefined && encoding === undefined && (length === undefined || length === '0')) {
    request.headers = { 'content-type': undefined }
  }
}
