// shows: text in schemas is never code, wherever it stands
// call: POST /schema-code {"a'];globalThis.pwned=1;//":"x","b":"y"}
// expect: 200 and false or 400
// call: POST /schema-code-id {}
// expect: 200 and false or 404
import { endpoint } from 'fastify-microservices'

const code = "a'];globalThis.pwned=1;//"
const more = '`${globalThis.pwned=1}`"\\";globalThis.pwned=1;\u2028globalThis.pwned=1;/*' // eslint-disable-line no-template-curly-in-string

export const attack = endpoint({
  method: 'POST',
  api: 'schema-code',
  args: {
    type: 'object',
    title: more,
    description: '*/globalThis.pwned=1;//\n',
    properties: { [code]: { type: 'string', default: more, enum: ['x', more] }, [more]: { type: 'string', pattern: "^[a'\"`]*$" }, b: { const: 'y' } },
    patternProperties: { "^c';globalThis.pwned=1;//": { type: 'string' } },
    required: [code]
  },
  returns: { type: 'boolean', description: more }
}, () => 'pwned' in globalThis)
export const id = endpoint({ method: 'POST', api: 'schema-code-id', args: { $id: "x';globalThis.pwned=1;//", type: 'object', definitions: { [more]: {} } } }, () => 'pwned' in globalThis)
