import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { BSON } from 'mongodb'
import type { Test } from 'tap'

/** A user, by the database that knows it and its name, as `<database>.<name>`. */
export interface User { password: string, readonly roles: ReadonlyArray<{ readonly role: string, readonly db: string }> }

export interface GuardedServer {
  /** Without credentials. */
  readonly url: string
  readonly users: Map<string, User>
}

type Document = Record<string, unknown>

const OP_MSG = 2013
const HEADER_BYTES = 16
const ITERATIONS = 15_000

const forAnyone: ReadonlySet<string> = new Set(['hello', 'ismaster', 'isMaster', 'ping', 'buildInfo', 'endSessions'])

/**
 * Stands before a server that has no users, as a server that has some, with rights: who has not said who it is may do
 * nothing, `root` everything, and anyone else what concerns the databases of its roles.
 */
export async function guardedServer (t: Pick<Test, 'teardown'>, upstream: string, root: { name: string, password: string }): Promise<GuardedServer> {
  const users = new Map<string, User>([[`admin.${root.name}`, { password: root.password, roles: [{ role: 'root', db: 'admin' }] }]])
  const { hostname, port } = new URL(upstream)
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const behind = connect(Number(port), hostname)
    const session = new Session(users)
    let rest = Buffer.alloc(0)
    client.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
        const message = rest.subarray(0, rest.readInt32LE(0))
        rest = rest.subarray(message.length)
        const answer = session.answer(message)
        if (answer === undefined) behind.write(message)
        else client.write(answer)
      }
    })
    behind.on('data', chunk => client.write(chunk))
    for (const [socket, other] of [[client, behind], [behind, client]] as const) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => { sockets.delete(socket); other.destroy() })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { url: `mongodb://127.0.0.1:${(server.address() as { port: number }).port}/`, users }
}

/** One connection. */
class Session {
  readonly #users: Map<string, User>
  #user: User | undefined
  #exchange: { readonly user: User | undefined, readonly salted: Buffer, readonly first: string, readonly reply: string } | undefined

  constructor (users: Map<string, User>) {
    this.#users = users
  }

  /** Undefined: the server behind is to answer. */
  answer (message: Buffer): Buffer | undefined {
    if (message.readInt32LE(12) !== OP_MSG || message[HEADER_BYTES + 4] !== 0) return undefined
    const command = BSON.deserialize(message.subarray(HEADER_BYTES + 5, HEADER_BYTES + 5 + message.readInt32LE(HEADER_BYTES + 5))) as Document
    const answer = this.#reply(Object.keys(command)[0]!, command)
    if (answer === undefined) return undefined
    const body = Buffer.from(BSON.serialize(answer))
    const head = Buffer.alloc(HEADER_BYTES + 5)
    head.writeInt32LE(head.length + body.length, 0)
    head.writeInt32LE(message.readInt32LE(4), 8)
    head.writeInt32LE(OP_MSG, 12)
    return Buffer.concat([head, body])
  }

  #reply (name: string, command: Document): Document | undefined {
    const database = String(command['$db'])
    if (name === 'saslStart') return this.#begin(textOf(command['payload']), database)
    if (name === 'saslContinue') return this.#finish(textOf(command['payload']))
    if (forAnyone.has(name)) return undefined
    if (this.#user === undefined) return failed(13, `command ${name} requires authentication`)
    const isRoot = this.#user.roles.some(({ role }) => role === 'root')
    if (!isRoot && !this.#user.roles.some(({ role, db }) => role === 'readWrite' && db === database)) return failed(13, `not authorized on ${database} to execute command ${name}`)
    if (name !== 'createUser' && name !== 'updateUser') return undefined
    if (!isRoot) return failed(13, `not authorized on ${database} to execute command ${name}`)
    const id = `${database}.${String(command[name])}`
    if (this.#users.has(id) !== (name === 'updateUser')) return name === 'createUser' ? failed(51_003, `User "${id}" already exists`) : failed(11, `User ${id} not found`)
    this.#users.set(id, { password: String(command['pwd']), roles: command['roles'] as User['roles'] })
    return { ok: 1 }
  }

  /** SCRAM-SHA-1 (RFC 5802), as MongoDB has it: the password is a digest of name and password. */
  #begin (payload: string, database: string): Document {
    const first = payload.slice('n,,'.length)
    const [, name = '', nonce = ''] = /^n=([^,]*),r=(.*)$/.exec(first) ?? []
    const user = this.#users.get(`${database}.${name}`)
    const salt = randomBytes(16)
    const password = createHash('md5').update(`${name}:mongo:${user?.password ?? ''}`).digest('hex')
    const salted = pbkdf2Sync(password, salt, ITERATIONS, 20, 'sha1')
    const reply = `r=${nonce}${randomBytes(18).toString('base64')},s=${salt.toString('base64')},i=${ITERATIONS}`
    this.#exchange = { user, salted, first, reply }
    return { ok: 1, conversationId: 1, done: false, payload: new BSON.Binary(Buffer.from(reply)) }
  }

  #finish (payload: string): Document {
    const { user, salted = Buffer.alloc(0), first, reply } = this.#exchange ?? {}
    const [, rest = '', proof = ''] = /^(.*),p=(.*)$/.exec(payload) ?? []
    const signed = `${first},${reply},${rest}`
    const clientKey = hmac(salted, 'Client Key')
    const expected = xor(clientKey, hmac(createHash('sha1').update(clientKey).digest(), signed))
    const given = Buffer.from(proof, 'base64')
    if (user === undefined || given.length !== expected.length || !timingSafeEqual(given, expected)) return failed(18, 'Authentication failed.')
    this.#user = user
    const signature = hmac(hmac(salted, 'Server Key'), signed).toString('base64')
    return { ok: 1, conversationId: 1, done: true, payload: new BSON.Binary(Buffer.from(`v=${signature}`)) }
  }
}

function failed (code: number, errmsg: string): Document {
  return { ok: 0, code, errmsg }
}

function hmac (key: Buffer, text: string): Buffer {
  return createHmac('sha1', key).update(text).digest()
}

function xor (one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, i) => byte ^ other[i]!))
}

function textOf (payload: unknown): string {
  return Buffer.from((payload as { buffer: Uint8Array }).buffer).toString()
}
