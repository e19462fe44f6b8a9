import { randomBytes } from 'node:crypto'
import t from 'tap'
import { Once } from '../../lib/tokens/once.ts'
import { craft, crafted, owner } from './craft.ts'
import { bearer, gatedApp, token, tokenStore } from './gated-app.ts'
import { hostileTokens } from './hostile.ts'

const refusal = JSON.stringify({ statusCode: 401, code: 'FMS_ERR_TOKEN', error: 'Unauthorized', message: 'a valid token is needed' })

function claimsFor (path: string) {
  const iat = Math.floor(Date.now() / 1000)
  return { iat, exp: iat + 30, jti: randomBytes(8).toString('hex'), htm: 'GET', htu: `http://localhost/${path}` }
}

t.test('a hostile token is refused by one answer, also where none is required', async t => {
  const path = 'call/rest/hello'
  for (const tokens of ['required', 'optional'] as const) {
    const store = tokenStore()
    const app = gatedApp(t, { tokens, once: new Once(store) })
    const answers = new Map<string, string[]>()
    for (const [name, token] of hostileTokens(claimsFor(path))) {
      // Of what cannot be sent in a header, the HTTP parser says so itself.
      if (/[^\x20-\x7e]/.test(token)) continue
      const { statusCode, headers: { date, ...headers }, body } = await app.inject({ url: `/${path}`, headers: bearer(token) })
      const answer = JSON.stringify({ statusCode, headers, body })
      answers.set(answer, [...answers.get(answer) ?? [], name])
    }
    t.equal(answers.size, 1, [...answers.values()].map(names => names.slice(0, 3).join(', ')).join(' / '))
    t.match([...answers.keys()][0], '"statusCode":401')
    t.equal(store.used.size, 0, 'and none is taken note of')
    t.equal((await app.inject({ url: `/${path}`, headers: bearer(crafted({ claims: claimsFor(path) })) })).statusCode, 200, 'they were made of claims that fit')
  }
})

t.test('ten thousand random texts are refused, and the app answers on', async t => {
  const app = gatedApp(t, { tokens: 'optional' })
  const parts = craft({ claims: claimsFor('call') })
  const statuses = new Map<number, number>()
  for (let i = 0; i < 10_000; i += 100) {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, j) => {
      const text = randomBytes(1 + (i + j) % 300).toString(j % 2 ? 'base64url' : 'hex')
      return app.inject({ url: '/call', headers: bearer(j % 3 ? text : parts.with(j % 5, text).join('.')) })
    }))
    for (const { statusCode } of answers) statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
  }
  t.strictSame([...statuses], [[401, 10_000]])
  t.equal((await app.inject({ url: '/call', headers: bearer(parts.join('.')) })).statusCode, 200)
})

t.test('of a thousand uses of one token at once, at two nodes, one is let in', async t => {
  const store = tokenStore()
  const nodes = [gatedApp(t, { once: new Once(store) }), gatedApp(t, { once: new Once(store) })] as const
  for (const path of ['/call', '/manage']) {
    const headers = bearer(await token(path, { kid: `${owner}.manage`, manage: true }))
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => nodes[i % 2 as 0 | 1].inject({ url: path, headers })))
    const refused = answers.filter(({ statusCode, body }) => statusCode === 401 && body === refusal)
    t.strictSame([refused.length, answers.filter(({ statusCode }) => statusCode === 200).length], [999, 1])
  }
})
