import { setTimeout } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import { endpoint } from 'fastify-microservices'

/** A web `Response` is sent as it is; its stream is cancelled when the client leaves. */
export const countdown = endpoint({
  summary: 'Counts down, line by line',
  params: ['from'],
  args: Type.Object({ from: Type.Integer({ minimum: 1, maximum: 10 }) })
}, ({ from }) => new Response(
  ReadableStream.from(lines(from)).pipeThrough(new TextEncoderStream()),
  { headers: { 'content-type': 'text/plain; charset=utf-8' } }
))

async function * lines (from: number) {
  for (let n = from; n > 0; n--) {
    yield `${n}\n`
    await setTimeout(200)
  }
  yield 'lift-off\n'
}

/** `signal` aborts at the time limit, or when the client leaves: pass it on to whatever waits. */
export const nap = endpoint({
  summary: 'Sleeps, for a second at most',
  params: ['secs'],
  args: Type.Object({ secs: Type.Number({ minimum: 0, maximum: 60 }) }),
  timeoutSecs: 1
}, async ({ secs }, { signal }) => {
  await setTimeout(secs * 1000, undefined, { signal })
  return { slept: secs }
})
