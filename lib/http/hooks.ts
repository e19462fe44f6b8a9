import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { Catalog } from '../catalog/catalog.ts'
import type { Resolution, Snapshot } from '../catalog/snapshot.ts'
import { isPlatformError, platformError } from '../errors.ts'
import type { Invocation } from '../invoke/invocation.ts'
import type { Invoker } from '../invoke/invoke.ts'
import type { Outcome } from '../sandbox/sandbox.ts'
import { readArguments, readParameters } from './arguments.ts'
import { getCall, setCall } from './call.ts'
import { protectOrigin, sendOutcome } from './guest.ts'
import { listPath } from './directory.ts'
import { ignoreEmptyBody } from './parser.ts'
import { pathReading, type PathReading, segmentsOf } from './path.ts'
import { sendResult } from './reply.ts'
import { namespaceOf, resolvePath, undefinedError } from './resolve.ts'
import { validateArguments } from './validate.ts'

type Hook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void

/** The way of a request: match (onRequest), authorize and arguments (preHandler), call and answer (handler). */
export class Hooks {
  readonly #catalog: Catalog
  readonly #invoker: Invoker
  /** How many segments of a path come before ours. */
  readonly #baseSegments: number
  readonly #reading: PathReading

  constructor (catalog: Catalog, invoker: Invoker, context: FastifyInstance) {
    this.#catalog = catalog
    this.#invoker = invoker
    this.#baseSegments = context.prefix.split('/').filter(Boolean).length
    this.#reading = pathReading(context)
  }

  /** For a route of one path: what it means changes with the snapshot only. */
  matchPath (path: string, configKey: string): Hook {
    const segments = path.split('/')
    let snapshot: Snapshot | undefined
    const resolutions = new Map<string, Resolution>()
    return (request, reply, done) => {
      if (snapshot !== this.#catalog.snapshot) {
        snapshot = this.#catalog.snapshot
        resolutions.clear()
      }
      const { method } = request
      let resolution = resolutions.get(method)
      if (resolution === undefined) resolutions.set(method, resolution = resolvePath(snapshot, segments, method, this.#invoker.settings))
      this.#begin(request, reply, resolution, configKey, done)
    }
  }

  /** For the route of a path with slugs after it, and for the catch-all, whose path is empty. */
  matchBelow (path: string, configKey: string): Hook {
    // The route's own, since the router may have taken `/ECHO` for `/echo`.
    const own = path.split('/').filter(Boolean)
    const skip = this.#baseSegments + own.length
    return (request, reply, done) => {
      const { snapshot } = this.#catalog
      const { settings } = this.#invoker
      const slugs = segmentsOf(request.raw.url ?? '', skip, this.#reading)
      const segments = slugs && [...own, ...slugs]
      if (segments?.length === (settings.multiTenant ? 1 : 0) || segments?.length === 0) {
        // Nothing is named: not ours to answer.
        reply.callNotFound()
      } else if (segments?.at(-1) === '__dir__' && settings.directory && this.#list(request, snapshot, segments, done)) {
        // Listed.
      } else {
        const resolution = segments === undefined ? { api: 'This path', allow: [] } : resolvePath(snapshot, segments, request.method, settings)
        this.#begin(request, reply, resolution, configKey, done)
      }
    }
  }

  #list (request: FastifyRequest, snapshot: Snapshot, segments: readonly string[], done: HookHandlerDoneFunction): boolean {
    const { namespace, names } = namespaceOf(snapshot, segments, this.#invoker.settings)
    const listing = listPath(namespace, names, this.#invoker.mask)
    if (listing === undefined) return false
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      done(undefinedError({ api: '__dir__', allow: ['GET', 'HEAD'] }, request.method))
    } else {
      setCall(request, { match: undefined, listing })
      done()
    }
    return true
  }

  #begin (request: FastifyRequest, reply: FastifyReply, resolution: Resolution, configKey: string, done: HookHandlerDoneFunction): void {
    if (!('match' in resolution)) {
      done(undefinedError(resolution, request.method))
      return
    }
    const { match } = resolution
    // A route keeps the config that it was made with. An endpoint with another one would lose its rate limit, say. That
    // includes a route of a module that is gone, where its path now means an endpoint with a slug.
    if (match.endpoint.configKey !== '' && match.endpoint.configKey !== configKey) {
      done(undefinedError({ api: match.api, allow: [] }, request.method))
      return
    }
    // The 'close' of a client that left already would not come again.
    if (match.module.counts && !reply.raw.closed) {
      match.module.enter()
      reply.raw.once('close', () => match.module.leave())
    }
    setCall(request, { match, invocation: undefined, payload: undefined })
    const tooLarge = match.module.guest && this.#invoker.guests?.tooLarge(match.module.guest, Number(request.headers['content-length'] ?? 0))
    if (tooLarge) {
      done(tooLarge)
      return
    }
    const looking = request.method === 'GET' || request.method === 'HEAD' ? undefined : ignoreEmptyBody(request)
    if (looking === undefined) done()
    else looking.then(() => done(), done)
  }

  readonly authorize = async (request: FastifyRequest): Promise<void> => {
    const { match } = getCall(request)
    if (match === undefined) return
    const { module: { owner, name }, api, slugs } = match
    let allowed: unknown
    try {
      allowed = await this.#invoker.settings.authorize?.(request, { owner, module: name, api, method: request.method, slugs })
    } catch (error) {
      throw this.#invoker.failure(error, { match, request })
    }
    if (allowed === false) throw platformError('FMS_ERR_FORBIDDEN')
  }

  readonly arguments: Hook = (request, reply, done) => {
    const call = getCall(request)
    let failure: Error | undefined
    if (call.match !== undefined) {
      const { match, match: { endpoint, module } } = call
      try {
        const common = { match, request, response: reply.raw }
        if (module.guest === undefined) {
          const read = readArguments(request, match, this.#invoker.settings)
          validateArguments(read.args, endpoint, module)
          call.invocation = { ...common, ...read }
        } else {
          // Merged, and checked by the module's own schemas, in its isolate. A hook of the host's may have put another body in place.
          const payload = call.payload?.body === request.body ? call.payload?.text : undefined
          call.invocation = { ...common, ...readParameters(request, match, this.#invoker.settings), args: {}, payload }
        }
      } catch (error) {
        failure = this.#invoker.failure(error, { match, request })
      }
    }
    done(failure)
  }

  /** No async function: with its own promise beside the endpoint's, a call would wait two turns more. */
  readonly handle = (request: FastifyRequest, reply: FastifyReply): void => {
    const call = getCall(request)
    if (call.match === undefined) {
      reply.send(call.listing)
      return
    }
    const invocation = call.invocation as Invocation
    const invoker = this.#invoker
    const fail = (error: unknown): void => { reply.send(invoker.failure(error, invocation)) }
    const { guest } = call.match.module
    if (guest !== undefined) protectOrigin(reply, invoker.settings.sandbox)
    const succeed = (value: unknown): void => {
      try {
        if (guest !== undefined) sendOutcome(reply, value as Outcome, invoker.settings)
        else sendResult(reply, value, invocation, invoker.settings.envelope, error => invoker.failure(error, invocation))
      } catch (error) {
        if (guest !== undefined && isPlatformError(error)) invoker.guests?.report(error, invocation.match, request.id)
        fail(error)
      }
    }
    try {
      const value = invoker.invoke(invocation)
      if (isThenable(value)) value.then(succeed, fail)
      else succeed(value)
    } catch (error) {
      fail(error)
    }
  }
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
