import type { Test } from 'tap'
import type { MicroservicesOptions } from '../../lib/index.ts'
import { sealed } from '../modules/uploads.ts'
import { admin, adminCredentials, type Credentials, tenant } from '../owners/owners.ts'
import { type Answer, becomes, installation, Node } from './nodes.ts'

/** Enough for versions to change while calls are on their way. */
const ACTIVATIONS = 40

/** The other node's builder starts with the first module that it makes. */
const BUILDER_WITHIN_MS = 20_000

const source = (version: number): string => `import { endpoint } from 'fastify-microservices'
export const hello = endpoint({}, () => ({ version: ${version} }))
`

/** What is uploaded to one node is live on the other. `options`: a store that is empty. */
export async function testUploads (t: Test, options: Partial<MicroservicesOptions>): Promise<void> {
  const spec = { options: installation({ MULTI_TENANT: true, ...options }) }
  const [one, two] = await Promise.all([Node.start(t, spec), Node.start(t, spec)]) as [Node, Node]
  const { body } = await one.manage('POST', 'register', { userid: 'ada', uuid: tenant })
  const key = (body['keys'] as Array<Credentials & { kind: string }>).find(({ kind }) => kind === 'manage') as Credentials
  const ask = (node: Node, method: string, action: string, payload?: unknown): Promise<Answer> => node.call(`/${tenant}/module-api/${action}`, { method, by: key, payload })
  const upload = (node: Node, text: string, { owner = tenant, by = key, type = 'text/typescript' } = {}): Promise<Answer> =>
    node.call(`/${owner}/module-api/upload/hello`, { method: 'POST', by, sent: { text, type } })
  const versionOn = async (node: Node, owner = tenant): Promise<unknown> => (await node.call(`/${owner}/hello/hello`)).body['version']

  const first = await upload(one, source(1))
  t.equal(first.status, 200, JSON.stringify(first.body))
  t.equal(await versionOn(one), 1)
  await becomes(t, 'what is uploaded to one is served by the other', () => versionOn(two), 1, BUILDER_WITHIN_MS)
  t.equal((await upload(two, source(1))).body['unchanged'], true, 'which knows it')
  await upload(two, source(2))
  t.equal(await versionOn(two), 2)
  await becomes(t, 'and the other way', () => versionOn(one), 2)

  const seal = await sealed(source(1), { owner: admin })
  const trusted = { owner: admin, by: adminCredentials, type: 'application/jose' }
  t.equal((await upload(one, seal, trusted)).status, 200)
  t.equal((await upload(two, seal, trusted)).status, 400, 'a seal is used once, on all nodes')
  await becomes(t, 'an admin\'s module is there too', () => versionOn(two, admin), 1)

  await testLoad(t, { one, two, first: first.body['version'] as string, ask, versionOn })

  t.equal((await ask(two, 'DELETE', 'remove/hello')).status, 204)
  await becomes(t, 'what is removed from one is gone from the other', () => one.status(`/${tenant}/hello/hello`), 404)
}

interface Loaded {
  readonly one: Node
  readonly two: Node
  readonly first: string
  readonly ask: (node: Node, method: string, action: string, payload?: unknown) => Promise<Answer>
  readonly versionOn: (node: Node) => Promise<unknown>
}

/** Versions come and go while both nodes are called without a pause: each call is answered by one of them. */
async function testLoad (t: Test, { one, two, first, ask, versionOn }: Loaded): Promise<void> {
  const { body } = await ask(one, 'GET', 'versions/hello')
  const [{ versions: [{ version: second }] }] = body['modules'] as [{ versions: [{ version: string }] }]
  const failed: Answer[] = []
  let calls = 0
  const over = new AbortController()
  const call = async (node: Node): Promise<void> => {
    while (!over.signal.aborted) {
      const answer = await node.call(`/${tenant}/hello/hello`)
      calls++
      if (answer.status !== 200) failed.push(answer)
    }
  }
  const load = [one, two, one, two].map(call)
  for (let i = 0; i < ACTIVATIONS; i++) {
    const { status } = await ask(i % 3 === 0 ? two : one, 'POST', 'activate', { module: 'hello', version: i % 2 === 0 ? first : second })
    if (status !== 200) t.fail(`activation ${i}: ${status}`)
  }
  over.abort()
  await Promise.all(load)
  t.strictSame(failed, [], `none of ${calls} calls failed`)
  for (const node of [one, two]) await becomes(t, 'all nodes have the last one', () => versionOn(node), ACTIVATIONS % 2 === 0 ? 2 : 1)
}
