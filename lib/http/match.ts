import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { Catalog } from '../catalog/catalog.ts'
import type { Match, Resolution, Snapshot } from '../catalog/snapshot.ts'
import { withDeadline } from '../deadline.ts'
import { concealed, isPlatformError, type PlatformError, unavailable } from '../errors.ts'
import type { Invoker } from '../invoke/invoke.ts'
import { isReservedName } from '../names.ts'
import { auditRefusal } from './audit.ts'
import { setCall } from './call.ts'
import { listAll, listPath } from './directory.ts'
import type { Gate, Presented } from './gate.ts'
import { ignoreEmptyBody } from './parser.ts'
import { pathReading, type PathReading, segmentsOf } from './path.ts'
import { type Census, namespaceOf, resolveNames, resolvePath, undefinedError } from './resolve.ts'

export type Hook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void

/** The rooms that a request is led through. */
export interface Rooms {
  readonly catalog: Catalog
  readonly invoker: Invoker
  /** Where there are tenants. */
  readonly census: Census | undefined
  /** Where there are keys. */
  readonly gate: Gate | undefined
}

/** A request whose path is read, and where it goes on. */
interface Way {
  readonly reply: FastifyReply
  readonly segments: readonly string[]
  /** Of the route that it came to; undefined where that does not matter. */
  readonly configKey: string | undefined
  readonly done: (error?: Error) => void
}

/** The token that let a request in, where there is one. */
interface Admission { readonly presented: Presented | undefined }

/** One version of an uploaded module: what only a key for management opens. */
const previewPattern = /^([-\w]+)@([\da-f]{12,64})$/

/** The first hook of a request: what it means, and whether its token lets it in. */
export class Matcher {
  readonly #rooms: Rooms
  /** How many segments of a path come before ours. */
  readonly #baseSegments: number
  readonly #reading: PathReading

  constructor (rooms: Rooms, context: FastifyInstance) {
    this.#rooms = rooms
    this.#baseSegments = context.prefix.split('/').filter(Boolean).length
    this.#reading = pathReading(context)
  }

  /** For a route of one path: what it means changes with the snapshot only. */
  path (path: string, configKey: string): Hook {
    const segments = path.split('/')
    const { catalog, invoker: { settings }, census } = this.#rooms
    let snapshot: Snapshot | undefined
    const resolutions = new Map<string, Resolution>()
    return (request, reply, done) => {
      if (snapshot !== catalog.snapshot) {
        snapshot = catalog.snapshot
        resolutions.clear()
      }
      const { method } = request
      let resolution = resolutions.get(method)
      if (resolution === undefined) resolutions.set(method, resolution = resolvePath(snapshot, segments, method, settings, census))
      this.#begin(request, { reply, configKey, done }, resolution)
    }
  }

  /** For the route of a path with slugs after it, and for the catch-all, whose path is empty. */
  below (path: string, configKey: string): Hook {
    // The route's own, since the router may have taken `/ECHO` for `/echo`.
    const own = path.split('/').filter(Boolean)
    const skip = this.#baseSegments + own.length
    return (request, reply, done) => {
      const slugs = segmentsOf(request.raw.url ?? '', skip, this.#reading)
      const segments = slugs && [...own, ...slugs]
      if (segments === undefined) {
        done(undefinedError({ api: 'This path', allow: [] }, request.method))
      } else if (segments.length <= (this.#rooms.invoker.settings.multiTenant ? 1 : 0)) {
        // Nothing is named: not ours to answer.
        reply.callNotFound()
      } else {
        this.#approach(request, { reply, segments, configKey, done })
      }
    }
  }

  /** A tenant's token comes first, then its modules, which are made when it is first called: no stranger sets that off. */
  #approach (request: FastifyRequest, way: Way): void {
    const { catalog, census, invoker: { settings: { multiTenant } } } = this.#rooms
    const { segments } = way
    const uuid = multiTenant ? segments[0] as string : ''
    const name = segments[multiTenant ? 1 : 0] as string
    const isServed = census?.serves(uuid) === true
    const admin = isServed ? census.adminOf(uuid) : undefined
    if (admin !== undefined && census?.stale === true) return way.done(notNow('the store has been out of reach for longer than STALE_SECS'))
    const preview = name.includes('@') && isServed === multiTenant ? previewPattern.exec(name) : null
    if (preview !== null) return this.#preview(request, way, preview)
    if (admin === undefined) return this.#resolve(request, way)
    if (isReservedName(name)) return this.#manage(request, way, uuid)
    const admission = this.#admit(request, uuid)
    if (admission instanceof Error) return way.done(admission)
    const preparing = catalog.prepare(uuid)
    if (preparing === undefined) this.#resolve(request, way, admission)
    else preparing.then(() => this.#resolve(request, way, admission)).catch(way.done)
  }

  /** What a tenant has of management is there whether its modules are made or not. */
  #manage (request: FastifyRequest, way: Way, uuid: string): void {
    const { catalog, invoker: { settings } } = this.#rooms
    this.#begin(request, way, resolveNames(catalog.management(uuid), way.segments.slice(1), request.method, settings))
  }

  #preview (request: FastifyRequest, way: Way, [, module = '', prefix = '']: readonly string[]): void {
    const { catalog, gate, invoker: { settings, mask } } = this.#rooms
    if (gate === undefined) return this.#resolve(request, way)
    const owner = settings.multiTenant ? way.segments[0] as string : settings.admins[0] as string
    const names = [module, ...way.segments.slice(settings.multiTenant ? 2 : 1)]
    const admission = this.#admit(request, owner, 'preview')
    if (admission instanceof Error) return way.done(admission)
    catalog.preview(owner, module, prefix).then(namespace => {
      const list = listPath(namespace, names, mask)
      if (list !== undefined) return this.#answer(request, way, list, admission)
      // A route's config is for what is live.
      this.#begin(request, { ...way, configKey: undefined }, resolveNames(namespace, names, request.method, settings), admission)
    }).catch((error: unknown) => way.done(concealed(isPlatformError(error) ? error.code : 'FMS_ERR_MODULE', 503, error)))
  }

  #resolve (request: FastifyRequest, way: Way, admission?: Admission): void {
    const { catalog, invoker: { settings }, census } = this.#rooms
    const { segments, reply, done } = way
    if (this.#list(request, way, admission)) return
    const resolution = resolvePath(catalog.snapshot, segments, request.method, settings, census)
    const preparing = 'match' in resolution || admission === undefined ? undefined : catalog.preparing(segments[0] as string)
    if (preparing === undefined) this.#begin(request, way, resolution, admission)
    else this.#wait(preparing, reply).then(() => this.#resolve(request, way, admission)).catch(done)
  }

  /** What is not there may be among what is still being made: whoever asks for it waits, as long as for a function. */
  async #wait (preparing: Promise<void>, reply: FastifyReply): Promise<void> {
    const { maxFunctionSecs } = this.#rooms.invoker.settings
    await withDeadline(maxFunctionSecs * 1000 - reply.elapsedTime, () => preparing, () => notNow('its module is still being made'))
  }

  /** Whether the path is that of a listing; then it goes on by itself. */
  #list (request: FastifyRequest, way: Way, admission: Admission | undefined): boolean {
    const { segments, done } = way
    const name = segments.at(-1) as string
    if (name !== '__dir__' && name !== '__directory__') return false
    const { catalog, invoker: { settings, mask }, census } = this.#rooms
    const owner = settings.multiTenant ? segments[0] as string : settings.admins[0] as string
    const isAll = name === '__directory__'
    if (isAll ? segments.length !== 2 || census === undefined || !settings.admins.includes(owner) : !settings.directory) return false
    const { namespace, names } = namespaceOf(catalog.snapshot, segments, settings, census)
    const list = isAll
      ? () => listAll(catalog, settings, mask, one => (settings.admins.includes(one) ? one : census?.adminOf(one) ?? settings.admins[0]) === owner)
      : listPath(namespace, names, mask)
    if (list === undefined) return false
    const admitted = admission ?? this.#admit(request, owner, isAll ? name : undefined)
    if (admitted instanceof Error) done(admitted)
    else this.#answer(request, way, list, admitted)
    return true
  }

  #answer (request: FastifyRequest, { segments, done }: Way, list: () => unknown, { presented }: Admission): void {
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD') return done(undefinedError({ api: segments.at(-1) as string, allow: ['GET', 'HEAD'] }, method))
    setCall(request, { match: undefined, list, presented })
    done()
  }

  #begin (request: FastifyRequest, { reply, configKey, done }: Omit<Way, 'segments'>, resolution: Resolution, admission?: Admission): void {
    if (!('match' in resolution)) return done(undefinedError(resolution, request.method))
    const { match, match: { module, endpoint } } = resolution
    const { guests } = this.#rooms.invoker
    // A route keeps the config that it was made with. An endpoint with another one would lose its rate limit, say. That
    // includes a route of a module that is gone, where its path now means an endpoint with a slug.
    if (endpoint.configKey !== '' && configKey !== undefined && endpoint.configKey !== configKey) return done(undefinedError({ api: match.api, allow: [] }, request.method))
    const admitted = admission ?? this.#admit(request, module.owner, module.builtIn ? endpoint.function : undefined)
    if (admitted instanceof Error) return done(admitted)
    const tenant = module.guest && guests?.standing(module.guest)
    setCall(request, { match, invocation: undefined, payload: undefined, presented: admitted.presented, tenant, isEntered: false })
    this.#enter(request, reply, match, done)
  }

  /**
   * Before the body is read: strangers' bodies are not.
   *
   * @param action of management
   */
  #admit (request: FastifyRequest, owner: string, action?: string): Admission | PlatformError {
    const { gate, census } = this.#rooms
    try {
      return { presented: gate?.admit(request, { owner, admin: census?.adminOf(owner), need: action === undefined ? 'call' : 'manage' }) }
    } catch (error) {
      const failure = error as PlatformError
      if (action !== undefined) auditRefusal(request, { action, owner }, failure)
      return failure
    }
  }

  #enter (request: FastifyRequest, reply: FastifyReply, { module }: Match, done: HookHandlerDoneFunction): void {
    // The 'close' of a client that left already would not come again.
    if (module.counts && !reply.raw.closed) {
      module.enter()
      reply.raw.once('close', () => module.leave())
    }
    const tooLarge = module.guest && this.#rooms.invoker.guests?.tooLarge(module.guest, Number(request.headers['content-length'] ?? 0))
    if (tooLarge) {
      done(tooLarge)
      return
    }
    const looking = request.method === 'GET' || request.method === 'HEAD' ? undefined : ignoreEmptyBody(request)
    if (looking === undefined) done()
    else looking.then(() => done(), done)
  }
}

// Long enough for what is being made or found again to be there.
function notNow (text: string): PlatformError {
  return concealed('FMS_ERR_UNAVAILABLE', 503, unavailable(text))
}
