import type { Test } from 'tap'
import type { MicroservicesOptions } from '../../lib/index.ts'
import { installation, Node, token } from './nodes.ts'

const PARALLEL = 200

/** What a plugin directory holds. */
export const files = { 'main.ts': "import { endpoint } from 'fastify-microservices'\nexport const hello = endpoint({}, () => ({ hello: 'world' }))\n" }

function specOf (options: Partial<MicroservicesOptions>) {
  return { options: installation({ TOKENS: 'required', ...options }) }
}

/** One token lets one call in, whatever node it comes to. `options`: a store, and a plugin directory of `files`. */
export async function testOnce (t: Test, options: Partial<MicroservicesOptions>): Promise<void> {
  const [one, two] = await Promise.all([Node.start(t, specOf(options)), Node.start(t, specOf(options))]) as [Node, Node]

  const used = await token('/hello')
  t.equal(await one.status('/hello', { token: used }), 200, 'a token is taken')
  t.equal(await two.status('/hello', { token: used }), 401, 'and by no other node')
  t.equal(await one.status('/hello', { token: used }), 401, 'nor by the same')

  const one200 = await token('/hello')
  const uses = Array.from({ length: PARALLEL }, (_, i) => (i % 2 === 0 ? one : two).status('/hello', { token: one200 }))
  t.strictSame(count(await Promise.all(uses)), { 200: 1, 401: PARALLEL - 1 }, `of ${PARALLEL} uses at once on both nodes, one succeeds`)

  const last = await token('/hello')
  t.equal(await two.status('/hello', { token: last }), 200)
  await two.kill()
  t.equal(await one.status('/hello', { token: last }), 401, 'what a node took before it was killed, the others do not take')
  await one.kill()
  const three = await Node.start(t, specOf(options))
  t.equal(await three.status('/hello', { token: last }), 401, 'nor does one that is started after all were killed')
  t.equal(await three.status('/hello', { token: used }), 401)
  t.equal(await three.status('/hello', { token: await token('/hello') }), 200, 'which takes others')
}

/** Each of many tokens is used on each of several nodes, all at once. */
export async function testRace (t: Test, options: Partial<MicroservicesOptions>, { nodes, tokens }: { nodes: number, tokens: number }): Promise<void> {
  const all = await Promise.all(Array.from({ length: nodes }, () => Node.start(t, specOf(options))))
  const made = await Promise.all(Array.from({ length: tokens }, () => token('/hello')))
  const statuses = await Promise.all(made.map(token => Promise.all(all.map(node => node.status('/hello', { token })))))
  const expected = { 200: 1, 401: nodes - 1 }
  t.strictSame(statuses.map(count), made.map(() => expected), 'each lets one in')
}

function count (statuses: readonly number[]): Record<number, number> {
  return Object.fromEntries(Object.entries(Object.groupBy(statuses, status => status)).map(([status, all]) => [status, all!.length]))
}
