import { createHmac, randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import type { Claims } from '../../lib/tokens/profile.ts'
import { craft, crafted, kid, other, owner, secretOf } from './craft.ts'

type Named = [name: string, token: string]

/** Tokens that open nothing, made of claims that would. Each is wrong in one way. */
export function hostileTokens (claims: Claims): Named[] {
  return [...headers(claims), ...shapes(claims), ...otherKeys(claims), ...times(claims), ...names(claims), ...targets(claims)]
}

function headers (claims: Claims): Named[] {
  const ours = { alg: 'dir', enc: 'A256GCM', kid }
  const objects: Array<[string, unknown]> = [
    ...['none', 'None', 'DIR', 'dir ', 'A256KW', 'A256GCMKW', 'PBES2-HS256+A128KW', 'RSA-OAEP', 'ECDH-ES', 'HS256', null, ['dir']].map(alg => [`alg ${alg}`, { ...ours, alg }] as [string, unknown]),
    ...['A128GCM', 'A192GCM', 'a256gcm', 'A256CBC-HS512', 'none', null, ['A256GCM']].map(enc => [`enc ${enc}`, { ...ours, enc }] as [string, unknown]),
    ...[null, 7, '', [kid], { kid }, `${kid} `, `${kid}\n`, ` ${kid}`, kid.toUpperCase(), `${owner}.nobody`, `${owner}.`, owner, 'local.nobody', '__proto__', 'constructor', `${owner}.${'x'.repeat(33)}`, `${owner}.call.call`, `../${kid}`]
      .map(kid => [`kid ${JSON.stringify(kid)}`, { ...ours, kid }] as [string, unknown]),
    ...Object.entries({ typ: 'JWT', cty: 'JWT', zip: 'DEF', crit: ['exp'], b64: false, jku: 'https://evil.example', jwk: { kty: 'oct' }, x5u: 'https://evil.example', p2c: 1e9, p2s: 'AA', apu: 'AA', epk: {}, iv: 'AA', tag: 'AA', n: 1, extra: null })
      .map(([name, value]) => [`header member ${name}`, { ...ours, [name]: value }] as [string, unknown]),
    ...Object.keys(ours).map(name => [`no ${name}`, Object.fromEntries(Object.entries(ours).filter(([key]) => key !== name))] as [string, unknown]),
    ['header member __proto__', `{"alg":"dir","enc":"A256GCM","kid":"${kid}","__proto__":{}}`],
    ['alg twice, the same', `{"alg":"dir","alg":"dir","enc":"A256GCM","kid":"${kid}"}`],
    ['alg twice', `{"alg":"none","alg":"dir","enc":"A256GCM","kid":"${kid}"}`],
    ['alg twice, once escaped', `{"\\u0061lg":"none","alg":"dir","enc":"A256GCM","kid":"${kid}"}`],
    ['kid twice', `{"alg":"dir","enc":"A256GCM","kid":"${other}.call","kid":"${kid}"}`],
    ['enc twice, once no text', `{"alg":"dir","enc":1,"enc":"A256GCM","kid":"${kid}"}`],
    ...['', '{}', '[]', 'null', '5', '"x"', 'true', '{', `{"alg":"dir","enc":"A256GCM","kid":"${kid}"`, `\uFEFF${JSON.stringify(ours)}`, `${JSON.stringify(ours)}x`, JSON.stringify([ours]), JSON.stringify(JSON.stringify(ours)), '\0', `{'alg':'dir','enc':'A256GCM','kid':'${kid}'}`]
      .map(text => [`header ${JSON.stringify(text).slice(0, 40)}`, text] as [string, unknown])
  ]
  return [
    ...objects.map(([name, header]): Named => [name, crafted({ header, claims })]),
    ['zip, and really deflated', zipped(claims)],
    ['A128GCM, and really of 128 bits', crafted({ header: { ...ours, enc: 'A128GCM' }, claims, secret: secretOf(kid).subarray(0, 16), algorithm: 'aes-128-gcm' })],
    ['of 128 bits under our header', crafted({ claims, secret: secretOf(kid).subarray(0, 16), algorithm: 'aes-128-gcm' })]
  ]
}

function zipped (claims: Claims): string {
  const deflated = deflateRawSync(JSON.stringify(claims)).toString('latin1')
  return crafted({ header: { alg: 'dir', enc: 'A256GCM', kid, zip: 'DEF' }, claims: deflated })
}

function shapes (claims: Claims): Named[] {
  const parts = craft({ claims })
  const [header, , iv, ciphertext, tag] = parts
  const join = (...parts: string[]): string => parts.join('.')
  const token = join(...parts)
  const json = { protected: header, iv, ciphertext, tag }
  const unsecured = `${encode({ alg: 'none' })}.${encode(claims)}.`
  return [
    ['wrapped key', join(header, 'AAAA', iv, ciphertext, tag)],
    ['wrapped key of another 32 bytes', join(header, randomBytes(32).toString('base64url'), iv, ciphertext, tag)],
    ['no header', join('', '', iv, ciphertext, tag)],
    ['no iv', join(header, '', '', ciphertext, tag)],
    ['no ciphertext', join(header, '', iv, '', tag)],
    ['no tag', join(header, '', iv, ciphertext, '')],
    ['four parts', join(header, '', iv, ciphertext)],
    ['six parts', join(...parts, '')],
    ['iv and tag changed about', join(header, '', tag, ciphertext, iv)],
    ['iv of 16 bytes', crafted({ claims, iv: randomBytes(16) })],
    ['iv of 8 bytes', crafted({ claims, iv: randomBytes(8) })],
    ...[4, 8, 12, 15].map((tagBytes): Named => [`tag of ${tagBytes} bytes`, crafted({ claims, tagBytes })]),
    ['tag cut to 12 bytes', join(header, '', iv, ciphertext, Buffer.from(tag, 'base64url').subarray(0, 12).toString('base64url'))],
    ['nothing encrypted', crafted({ claims: '' })],
    ['only dots', '....'],
    ['only our header', join(header, '', '', '', '')],
    ['of 4,097 characters', crafted({ claims: { ...claims, pad: 'x'.repeat(4097) } })],
    ...['\n', ' ', '\t', '=', '==', '%', '\0', 'é'].flatMap((more): Named[] => parts.flatMap((part, i): Named[] => part === ''
      ? []
      : [
          [`${JSON.stringify(more)} after part ${i}`, join(...parts.with(i, part + more))],
          [`${JSON.stringify(more)} in part ${i}`, join(...parts.with(i, `${part.slice(0, 4)}${more}${part.slice(4)}`))]
        ])),
    ...['', 'x', 'xx'].flatMap((pad, n) => {
      const parts = craft({ claims: { ...claims, pad } })
      return parts.flatMap((part, i): Named[] => leftOver(part).map(part => [`bits left over in part ${i} of token ${n}`, join(...parts.with(i, part))]))
    }),
    ...[' ', '  ', '   '].flatMap((space): Named[] => {
      const header = `{"alg":"dir","enc":"A256GCM","kid":"${kid}"}${space}`
      return leftOver(encodeText(header)).map(part => ['bits left over in a header that was signed so', crafted({ claims, header, encode: () => part })])
    }),
    ['header in base64 with padding', crafted({ claims, header: `{"alg":"dir","enc":"A256GCM","kid":"${kid}"}`, encode: bytes => `${bytes.toString('base64')}=` })],
    ['flattened JSON', JSON.stringify(json)],
    ['general JSON', JSON.stringify({ ...json, recipients: [{ header: {} }] })],
    ['JSON in base64url', encode(json)],
    ['unsecured JWT', unsecured],
    ['JWS under the same key', signed(claims)],
    ['JWS with five parts', `${signed(claims)}..`],
    ['unsecured JWT inside', crafted({ claims: unsecured })],
    ['JWS inside', crafted({ claims: signed(claims) })],
    ['token inside', crafted({ claims: token })],
    ['token twice', `${token},${token}`],
    ['token, comma', `${token},`],
    ['quoted', `"${token}"`]
  ]
}

/** The same bytes, with bits set in the last character that stand for nothing. */
function leftOver (part: string): string[] {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  if (part.length % 4 === 0) return []
  return [`${part.slice(0, -1)}${alphabet[alphabet.indexOf(part.at(-1) as string) + 1]}`]
}

function encode (value: unknown): string {
  return encodeText(JSON.stringify(value))
}

function encodeText (text: string): string {
  return Buffer.from(text).toString('base64url')
}

function signed (claims: Claims): string {
  const text = `${encode({ alg: 'HS256', kid })}.${encode(claims)}`
  return `${text}.${createHmac('sha256', secretOf(kid)).update(text).digest('base64url')}`
}

function otherKeys (claims: Claims): Named[] {
  return [
    ['under another\'s key', crafted({ claims, secret: secretOf(`${other}.call`) })],
    ['under another key of the owner\'s', crafted({ claims, secret: secretOf(`${owner}.manage`) })],
    ['under a key of zeros', crafted({ claims, secret: new Uint8Array(32) })],
    ['under a new key', crafted({ claims, secret: randomBytes(32) })],
    ['header put before another\'s token', [craft({ claims })[0], ...craft({ claims, secret: secretOf(`${other}.call`), header: { alg: 'dir', enc: 'A256GCM', kid: `${other}.call` } }).slice(1)].join('.')],
    ['header put before a token of the same key', [craft({ claims })[0], ...craft({ claims, header: { kid, enc: 'A256GCM', alg: 'dir' } }).slice(1)].join('.')]
  ]
}

function times (claims: Claims): Named[] {
  const { iat, exp } = claims
  const cases: Array<[string, object | string]> = [
    ...(['iat', 'exp'] as const).flatMap(name => [null, true, String(claims[name]), [claims[name]], {}, -1, 0, 1e308, -1e308, 1e21, iat * 1000].map(value => [`${name} ${JSON.stringify(value)}`, { ...claims, [name]: value }] as [string, object])),
    ...['1e999', '-1e999'].flatMap(value => ['iat', 'exp'].map(name => [`${name} ${value}`, JSON.stringify({ ...claims, [name]: 7 }).replace(`"${name}":7`, `"${name}":${value}`)] as [string, string])),
    ['both infinite', JSON.stringify({ ...claims, iat: 7, exp: 7 }).replaceAll(':7', ':1e999')],
    ['NaN', JSON.stringify({ ...claims, exp: 7 }).replace(':7', ':NaN')],
    ['no iat', { ...claims, iat: undefined }],
    ['no exp', { ...claims, exp: undefined }],
    ['exp at iat', { ...claims, exp: iat }],
    ['exp before iat', { ...claims, iat: exp, exp: iat }],
    ['for 61 s', { ...claims, exp: iat + 61 }],
    ['for a second less than for ever', { ...claims, iat: 0 }],
    ['for 60.001 s', { ...claims, exp: iat + 60.001 }],
    ['of the future', { ...claims, iat: iat + 10, exp: exp + 10 }],
    ['of the past', { ...claims, iat: iat - 3600, exp: iat - 3570 }],
    ['expired long enough', { ...claims, iat: iat - 60, exp: iat - 6 }]
  ]
  return cases.map(([name, claims]) => [name, crafted({ claims })])
}

function names (claims: Claims): Named[] {
  const jtis = [undefined, null, '', 7, true, {}, [claims.jti], 'x'.repeat(65), 'a b', ' ', '\0', 'a\n', 'é', '\uD800', '\u202E', '💣']
  const contents = ['null', '[]', '5', '"x"', 'true', '', '{', `${JSON.stringify(claims)}x`, JSON.stringify([claims]), '{"__proto__":{}}']
  return [
    ...jtis.map((jti): Named => [`jti ${JSON.stringify(jti)}`, crafted({ claims: { ...claims, jti } })]),
    ...contents.map((content): Named => [`content ${content.slice(0, 20)}`, crafted({ claims: content })]),
    ['claims of the prototype', crafted({ claims: `{"__proto__":${JSON.stringify(claims)}}` })]
  ]
}

function targets (claims: Claims): Named[] {
  const { htm, htu } = claims
  const url = new URL(htu)
  const change = (change: Partial<URL>): string => Object.assign(new URL(htu), change).href
  const htus = [
    undefined, null, 7, true, {}, [htu], '', url.pathname, `//${url.host}${url.pathname}`, url.origin, `${url.origin}/`,
    change({ protocol: url.protocol === 'http:' ? 'https:' : 'http:' }), change({ host: 'evil.example' }), change({ hostname: `${url.hostname}.` }), change({ port: '8081' }),
    `${htu}/`, `${htu}x`, htu.slice(0, -1), htu.replace('/rest', '/REST'), htu.replace('/rest', '//rest'), htu.replace('/rest', '/%2Frest'), `${url.origin}/x${url.pathname}`,
    `${htu}?`, `${htu}?a=1`, `${htu}#`, `${htu}#x`, `${htu}%20`, `${htu}%00`, htu.replace('/rest/', '/rest%2F'), htu.replace('/rest/', '/rest%5C'),
    htu.replace('/rest/', '/./rest/'), htu.replace('/rest/', '/x/../rest/'), htu.replace('/rest/', '/%2e/rest/'), htu.replace('/rest/', '/x/.%2E/rest/'), htu.replace('/rest/', '/rest\\'),
    `ftp://${url.host}${url.pathname}`, `file://${url.pathname}`, 'javascript:1', 'about:blank', 'null', `${htu} ${htu}`
  ]
  return [
    ...[undefined, null, 7, true, [htm], '', htm.toLowerCase(), `${htm} `, 'DELETE', 'HEAD', `${htm},POST`].map((htm): Named => [`htm ${JSON.stringify(htm)}`, crafted({ claims: { ...claims, htm } })]),
    ...htus.map((htu): Named => [`htu ${JSON.stringify(htu)}`, crafted({ claims: { ...claims, htu } })])
  ]
}
