import { Type } from '@sinclair/typebox'
import { command } from 'fastify-microservices'

/** Any program in any language: arguments go in as JSON, JSON comes out. */
export const wordCount = command({
  method: 'POST',
  api: 'word-count',
  summary: 'Counts words in a shell script',
  run: ['sh', 'word-count.sh'],
  // Nothing but `text` reaches the program.
  args: Type.Object({ text: Type.String() }, { additionalProperties: false }),
  returns: Type.Object({ words: Type.Integer() }),
  timeoutSecs: 5
})
