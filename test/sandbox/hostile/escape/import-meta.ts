// shows: `import.meta` and a literal import tell nothing of the host
// call: GET /import-meta
// expect: 200 and {"leaked":[]}
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'import-meta' }, () => {
  const { url = '', dirname = '', filename = '', resolve } = import.meta as Partial<ImportMeta>
  return { leaked: [...[url, dirname, filename].filter(text => !/^((file:\/\/)?\/module(\/import-meta\.ts)?)?$/.test(text)), ...(resolve === undefined ? [] : ['resolve'])] }
})
