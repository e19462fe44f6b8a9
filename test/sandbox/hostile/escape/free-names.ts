// shows: names that a module system, isolated-vm or the prelude might leave about mean nothing
// call: GET /free-names
// expect: 200 and {"leaked":[]}
import { endpoint } from 'fastify-microservices'

const names = `
  process Buffer global __dirname __filename internalBinding primordials host hostCall configuration settings parts part dispatch start batch
  guest outbox ivm isolate context $0 $1 $2 _ivm tool checker capabilities provide evaluate loadModule core Deno Bun window frames top
`.trim().split(/\s+/)

export const attack = endpoint({ api: 'free-names' }, () => {
  const leaked: string[] = []
  for (const name of names) {
    for (const type of [eval(`typeof ${name}`), (0, eval)(`typeof ${name}`), Function(`return typeof ${name}`)()] as string[]) {
      if (type !== 'undefined') leaked.push(`${name} is a ${type}`)
    }
  }
  return { leaked }
})
