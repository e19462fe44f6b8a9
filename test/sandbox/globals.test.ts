import { runInThisContext } from 'node:vm'
import ivm from 'isolated-vm'
import t, { type Test } from 'tap'
import { capabilities } from '../../lib/sandbox/child/capabilities.ts'
import { table } from '../../lib/sandbox/child/prelude/parts/table.ts'
import { loadPrelude } from '../../lib/sandbox/prelude.ts'
import { Child } from './child.ts'
import { declaredGlobals } from './declared.ts'

/** Evaluated on both sides, so that what comes back can be compared: any value as text, and of errors their names. */
const show = `(() => {
  const show = value => {
    if (typeof value === 'string') return JSON.stringify(value)
    if (typeof value === 'bigint') return value + 'n'
    if (Object.is(value, -0)) return '-0'
    if (typeof value !== 'object' || value === null) return String(value)
    if (value instanceof Date) return 'Date(' + value.getTime() + ')'
    if (value instanceof RegExp) return String(value)
    if (value instanceof Error || value instanceof DOMException) return value.name + (typeof value.code === 'number' ? value.code : '')
    if (value instanceof ArrayBuffer) return 'buffer:' + [...new Uint8Array(value)]
    if (ArrayBuffer.isView(value)) return value.constructor.name + ':' + [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]
    if (value instanceof Map) return 'Map' + show([...value])
    if (value instanceof Set) return 'Set' + show([...value])
    if (Array.isArray(value)) return '[' + Array.from(value, show).join() + ']'
    if (typeof value.next === 'function') return 'iterator' + show([...value])
    return '{' + Object.keys(value).map(key => key + ':' + show(value[key])).join() + '}'
  }
  return async expression => {
    try {
      return show(await (0, eval)(expression)())
    } catch (error) {
      return 'throws ' + show(error)
    }
  }
})()`

const prelude = await loadPrelude()

/** Loads parts as the core does, into an isolate that has nothing else. */
const loader = `"use strict";
const parts = {}
const [host, sources] = [$0, JSON.parse($1)]
const load = name => parts[name] ??= Function('host', 'part', sources[name])(host, load)
for (const [name, part] of Object.entries(JSON.parse($2))) {
  const define = value => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
  Object.defineProperty(globalThis, name, { configurable: true, get: () => define(load(part)[name]) && globalThis[name], set: define })
}
globalThis.isSecret = value => value === host || value === load
globalThis.readText = value => {
  const read = load('fetch').readResponse(value)
  return read && JSON.stringify({ ...read, bytes: [...read.body()] })
}`

const isolates: ivm.Isolate[] = []
t.teardown(() => { for (const isolate of isolates) isolate.dispose() })

interface Guest { evaluate (expression: string): Promise<string>, run (script: string): unknown, isolate: ivm.Isolate }

function makeGuest (): Guest {
  const isolate = new ivm.Isolate({ memoryLimit: 64 })
  isolates.push(isolate)
  const context = isolate.createContextSync()
  const host = new ivm.Callback((name: string, text: string) => {
    const answer = capabilities[name]?.(text)
    if (answer === undefined) throw new TypeError('there is no such thing')
    return answer
  })
  context.evalClosureSync(loader, [host, JSON.stringify(prelude.parts), JSON.stringify(table)])
  context.evalSync(`globalThis.show = ${show}`)
  return {
    isolate,
    evaluate: async expression => await (context.evalClosure('return show($0)', [asFunction(expression)], { result: { promise: true, copy: true } }) as Promise<unknown>) as string,
    run: script => context.evalSync(script, { copy: true })
  }
}

const asFunction = (expression: string): string => `(async () => (${expression}))`

const showHere: (expression: string) => Promise<string> = runInThisContext(show)
const guest = makeGuest()

/** That an isolate answers each expression as Node does. */
async function same (t: Test, expressions: readonly string[]): Promise<void> {
  for (const expression of expressions) t.equal(await guest.evaluate(expression), await showHere(asFunction(expression)), expression)
}

t.test('URL', async t => {
  const fields = 'Object.fromEntries("href origin protocol username password host hostname port pathname search hash".split(" ").map(n => [n, u[n]]))'
  const of = (text: string): string => `(u => ${fields})(new URL(${text}))`
  await same(t, [
    ...['"http://a"', '"HTTP://U:P@ExAmple.com:80/a/../b?x=1#y"', '"https://münchen.de/ä?ö#ü"', '"data:text/plain,a b"', '"mailto:a@b"', '"file:///c:/x"',
      '"http://[::1]:8080/"', '"http://0x7f.1/"', '"http://a.b/%zz?%"', '"ht\\ntp://a/\\tb"', '"http://a/\\ud800"', '"blob:http://a/b"', '"foo://h:80"',
      '"//b/c", "http://a"', '"../x?y", "http://a/b/c/d"', '"#z", "http://a/\\nb"', '"x", new URL("http://q/r/")', '"http://a", undefined'].map(of),
    ...['', '"http://"', '"a"', '"a", "b"', '"http://a:99999"', '"http://a b"', 'Symbol()', '"http://xn--a"', '"http://a", ""', '"http://a", null', 'undefined'].map(of),
    ...['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'].flatMap(name =>
      ['', 'x', 'https', 'b.c:81', '82', '?q=ä', '#h\\n', '/p/../q', 'a b', '\\ud800', '\\n8'].map(value =>
        `(() => { const u = new URL("http://u:p@a:1/b?c#d"); u.${name} = "${value}"; return ${fields} })()`)),
    '(() => { const u = new URL("http://a"); u.href = "http://b/?c"; return u.href })()',
    '(() => { const u = new URL("http://a"); u.href = "b" })()',
    '(() => { const u = new URL("mailto:a"); u.host = "b"; u.port = "1"; u.pathname = "x"; return u.href })()',
    '(() => { const u = new URL("http://a"); u.port = 8080; u.search = null; return u.href })()',
    'URL.canParse("http://a")', 'URL.canParse("a")', 'URL.canParse("a", "http://b")', 'URL.canParse()',
    'URL.parse("a")', 'URL.parse("a", "http://b/c").href', 'URL.parse("http://a") instanceof URL',
    'String(new URL("http://a"))', 'JSON.stringify({ u: new URL("http://a") })',
    'Object.prototype.toString.call(new URL("http://a"))', 'URL.name', 'Object.keys(URL.prototype).sort()', 'URL("http://a")',
    'new (class extends URL { get x () { return this.host } })("http://a").x', 'URL.prototype.href'
  ])
})

t.test('URLSearchParams', async t => {
  const of = (init: string, code: string): string => `(p => { ${code}; return [String(p), p.size, [...p]] })(new URLSearchParams(${init}))`
  await same(t, [
    ...['', '"a=b&c=d"', '"?a=b"', '"??a"', '"a"', '"=a"', '"&&a&"', '"a=b=c"', '"a+b=%20c"', '"%"', '"%zz=%e4"', '"%ff%fe"', '"a=%F0%9F%98%80"', '"\\ud800=1"', '"%EF%BB%BFa=1"',
      '{ a: 1, b: [2, 3] }', '[["a", "b"], ["a", "c"]]', '[["a"]]', '[["a", "b", "c"]]', '[1]', '["ab"]', 'new URLSearchParams("x=y")', 'new Map([["a", "b"]])', 'null', 'undefined', '1',
      '{ "\\ud800": 1, "\\ufffd": 2 }', '(() => {})', '{ [Symbol("x")]: 1 }', '"a=é&b=!\'()~*-._"', '{ a: "é !\'()~*-._+&=%/\\n\\0" }', '"a=%F0%9F&b=%C3"'].map(init => of(init, '')),
    of('"a=1&b=2&a=3"', 'p.append("a", 4); p.delete("b")'),
    of('"a=1&b=2&a=3"', 'p.set("a", 5)'), of('"a=1"', 'p.set("b", 5)'), of('"a=1&a=2"', 'p.delete("a", 2)'), of('"a=1&a=2"', 'p.delete("a", undefined)'),
    of('"z=1&a=2&z=0&\\ud83d\\ude00=1&\\uffff=2"', 'p.sort()'),
    of('"a=1&b=2"', 'for (const [k] of p) { if (k === "a") p.append("c", 1) }'),
    '(p => [p.get("a"), p.get("x"), p.getAll("a"), p.has("a"), p.has("a", 9), p.has("a", "1")])(new URLSearchParams("a=1&a=2"))',
    '(p => [p.keys(), p.values(), p.entries()])(new URLSearchParams("a=1&b=2"))',
    '(p => { const seen = []; p.forEach(function (v, k, o) { seen.push(v, k, o === p, this.x) }, { x: 1 }); return seen })(new URLSearchParams("a=1"))',
    'new URLSearchParams().append("a")', 'new URLSearchParams().get()', 'new URLSearchParams().forEach(1)', 'URLSearchParams.prototype.size', 'URLSearchParams("a")',
    '(() => { const u = new URL("http://a/?b=1"); const p = u.searchParams; p.append("c", "d e"); return [u.href, u.search, p === u.searchParams] })()',
    '(() => { const u = new URL("http://a/?b=1"); const p = u.searchParams; u.search = "x=y"; return String(p) })()',
    '(() => { const u = new URL("http://a/?b=1#h"); u.searchParams.delete("b"); return u.href })()',
    '(() => { const u = new URL("http://a/?b=~"); u.searchParams; const a = u.href; u.searchParams.sort(); return [a, u.href] })()',
    '(() => { const u = new URL("http://a/?b"); const p = u.searchParams; u.href = "http://c/?d"; return String(p) })()',
    'Object.prototype.toString.call(new URLSearchParams())'
  ])
})

t.test('TextEncoder and TextDecoder', async t => {
  const decode = (bytes: string, label = '"utf-8"', options = '{}'): string => `new TextDecoder(${label}, ${options}).decode(new Uint8Array([${bytes}]))`
  const invalid = ['0xff', '0xc0,0x80', '0xe0,0x80,0x80', '0xed,0xa0,0x80', '0xf4,0x90,0x80,0x80', '0xf0,0x9f,0x98', '0xf0,0x9f,0x41', '0xe2,0x28,0xa1', '0xc3', '0xf8,0x88,0x80,0x80,0x80', '0x80']
  const odd = ['0xef,0xbb,0xbf,0x41', '0xef,0xbb,0xbf,0xef,0xbb,0xbf', '0xef,0xbb', '0xf0,0x9f,0x98,0x80', '0', '']
  const chunks = (label: string, bytes: string, options = '{}'): string => `(() => { const d = new TextDecoder("${label}", ${options}); let s = ""
    for (const b of [${bytes}]) s += d.decode(new Uint8Array([b]), { stream: true }) + "|"; return s + d.decode() })()`
  await same(t, [
    ...['', '"a"', '"é€😀"', '"\\ud800x\\udc00"', 'undefined', 'null', '12', '"a".repeat(70000) + "é"', '"\\0"'].map(text => `new TextEncoder().encode(${text})`),
    ...['"a😀b", new Uint8Array(4)', '"a😀b", new Uint8Array(5)', '"é", new Uint8Array(1)', '"\\ud800", new Uint8Array(9)', '"a", []'].map(input =>
      `((t, b) => [new TextEncoder().encodeInto(t, b), b])(${input})`),
    'new TextEncoder().encoding', 'TextEncoder()', 'Object.prototype.toString.call(new TextEncoder())',
    ...[...invalid, ...odd].flatMap(bytes => [decode(bytes), decode(bytes, '"utf8"', '{ fatal: true }'), decode(bytes, '"utf-8"', '{ ignoreBOM: true }'), chunks('utf-8', bytes)]),
    ...['0x41,0,0x42,0', '0x3d,0xd8,0,0xde', '0,0xd8', '0,0xd8,0x41,0', '0,0xdc,0x41,0', '0xff,0xfe,0x41,0', '0x41', '0,0xd8,0', '0,0xd8,0,0xd8'].flatMap(bytes =>
      [decode(bytes, '"utf-16le"'), decode(bytes, '"utf-16be"'), decode(bytes, '"utf-16le"', '{ fatal: true }'), decode(bytes, '"utf-16"', '{ ignoreBOM: true }')]),
    chunks('utf-16le', '0xff,0xfe,0x3d,0xd8,0,0xde,0x41'), chunks('utf-16be', '0,0x41,0xd8'),
    ...['"latin1"', '"windows-1251"', '"koi8-r"', '"iso-8859-15"'].map(label => decode('0x41,0xe9,0xa4,0xff', label)),
    ...['"shift_jis"', '"gbk"', '"euc-kr"', '"big5"', '"gb18030"', '"euc-jp"'].flatMap(label => [decode('0x41,0x88,0xb0', label), decode('0x88', label, '{ fatal: true }')]),
    ...['"UTF8"', '" utf-8\\n"', '"ascii"', '"unicode-1-1-utf-8"', '"sjis"', '"x-sjis"', '"nope"', '""', 'Symbol()', '"utf-8\\0"', '"replacement"', 'undefined'].map(label => `new TextDecoder(${label}).encoding`),
    '(d => [d.fatal, d.ignoreBOM])(new TextDecoder("utf-8", { fatal: 1, ignoreBOM: "x" }))',
    'new TextDecoder().decode(new Uint8Array([1, 65, 66, 2]).subarray(1, 3))', 'new TextDecoder().decode(new Uint8Array([65, 66]).buffer)',
    'new TextDecoder().decode(new DataView(new Uint8Array([65, 66]).buffer, 1))', 'new TextDecoder().decode(new Uint16Array([0x4241]))', 'new TextDecoder().decode()', 'new TextDecoder().decode("a")',
    '(d => { try { d.decode(new Uint8Array([0xff])) } catch {}; return d.decode(new Uint8Array([65])) })(new TextDecoder("utf-8", { fatal: true }))',
    'new TextDecoder().decode(new TextEncoder().encode("aé€😀".repeat(9000))) === "aé€😀".repeat(9000)'
  ])
})

t.test('atob and btoa', async t => {
  await same(t, [
    ...['""', '"a"', '"ab"', '"abc"', '"\\xff\\0"', '"é"', '"€"', 'null', 'undefined', '12', ''].map(text => `btoa(${text})`),
    ...['""', '"YQ=="', '"YQ"', '"Y Q = ="', '"Y"', '"YQ="', '"YQ==="', '"=YQ="', '"Y*=="', '"\\n\\f\\tYWJj"', '"/+8="', '"_-8="', '"YR=="', 'null', '"\\xa0"', '"="', ''].map(text => `atob(${text})`),
    'atob.name', 'btoa.length'
  ])
})

t.test('structuredClone', async t => {
  const clone = (value: string): string => `structuredClone(${value})`
  await same(t, [
    ...['1', '-0', 'NaN', '"a"', '1n', 'null', 'undefined', 'true', '[1, , 3]', '{ a: { b: [1] } }', '[undefined, null]', 'new Date(5)', 'new Date(NaN)', '/a/giy',
      'new Map([[{ a: 1 }, new Set([1])]])', 'new Set(["a", [1]])', 'new Uint8Array([1, 2, 3]).subarray(1)', 'new ArrayBuffer(2)', 'new BigInt64Array([1n])', 'new Float64Array([1.5])',
      'Object.assign(Object.create({ x: 1 }), { y: 2 })', 'new (class A { x = 1; #y = 2; get z () { return 3 } })', '{ get a () { return 1 } }', '{ [Symbol("a")]: 1, b: 2 }',
      'Object.defineProperty({ a: 1 }, "b", { value: 2 })', 'Object.assign([1], { x: 1 })', 'Object.create(null)', 'JSON.parse(\'{"__proto__":1}\')', 'Math', 'JSON', 'new DOMException("a", "AbortError")',
      'Symbol("a")', '() => 1', 'class {}', '{ a () {} }', 'Promise.resolve()', 'new WeakMap()', 'new WeakSet()', 'Object(Symbol())', '(function* () {})()', '[].values()', 'new Map().keys()', 'new Intl.Collator()',
      'new URL("http://a")', 'new URLSearchParams()', 'new Headers()', 'new Request("http://a")', 'new Response()', '', '{}, 1', '{}, { transfer: [1] }', '{}, { transfer: 1 }', '{}, null'].map(clone),
    ...['new Boolean(false)', 'Object("a")', 'Object(1)', 'Object(2n)'].map(value => `(v => [typeof v, v.valueOf()])(structuredClone(${value}))`),
    ...['new Error("a")', 'new RangeError("b")', 'new (class X extends TypeError { name = "X" })("c")', 'Object.assign(new Error("d"), { name: "URIError" })', 'new AggregateError([1], "e")', 'new Error()'].map(value =>
      `(e => [e.constructor.name, e.name, e.message, Object.hasOwn(e, "message"), typeof e.stack, Object.keys(e)])(structuredClone(${value}))`),
    'structuredClone(new Error("a", { cause: { b: 1 } })).cause', '"x" in structuredClone(Object.assign(new Error(), { x: 1 }))',
    '(() => { const a = { b: {} }; a.a = a; a.c = a.b; const d = structuredClone(a); return [d.a === d, d.c === d.b, d !== a] })()',
    '(() => { const m = new Map(); m.set(m, m); const d = structuredClone(m); return d.get(d) === d })()',
    '(() => { const b = new Uint8Array([1, 2, 3, 4]); const d = structuredClone([b.subarray(0, 2), b.subarray(1)]); return [d[0].buffer === d[1].buffer, d[1].byteOffset, d[0].buffer.byteLength] })()',
    '(() => { const b = new Uint8Array([1, 2]); const d = structuredClone({ b }, { transfer: [b.buffer] }); return [d.b, b.byteLength, b.buffer.detached] })()',
    '(() => { const b = new ArrayBuffer(2); structuredClone(b, { transfer: [b] }); return structuredClone(b) })()',
    '(() => { const b = new ArrayBuffer(2); return structuredClone(b, { transfer: [b, b] }) })()',
    '(d => [d.resizable, d.byteLength, d.maxByteLength])(structuredClone(new ArrayBuffer(2, { maxByteLength: 8 })))',
    '(d => { d.buffer.resize(4); return [d.length] })(structuredClone(new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }))))',
    '(d => { d.buffer.resize(10); return [d.length] })(structuredClone(new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }), 2, 6)))',
    '(d => [d.getUint8(0), d.byteLength])(structuredClone(new DataView(new Uint8Array([1, 2, 3]).buffer, 1)))',
    '(d => [d.lastIndex, d.flags])(structuredClone(Object.assign(/a/g, { lastIndex: 3 })))',
    'structuredClone(new Blob(["ab"], { type: "x/y" })).text()', 'structuredClone(new Blob(["ab"], { type: "x/y" })).type',
    '(() => { const a = []; a.length = 5; return structuredClone(a).length })()', 'structuredClone.name',
    '(() => { const o = { get a () { delete this.b; return 1 }, b: 2 }; return structuredClone(o) })()',
    '(() => { class B extends Map { x = 1 } return structuredClone(new B([[1, 2]])).constructor.name })()',
    '(() => { class L extends Array {} return structuredClone(L.of(1)).constructor.name })()'
  ])
})

t.test('DOMException', async t => {
  await same(t, [
    '(e => [e.name, e.message, e.code, e instanceof Error, String(e), Error.isError(e), Object.prototype.toString.call(e)])(new DOMException("a", "AbortError"))',
    '(e => [e.name, e.message, e.code])(new DOMException())', '(e => [e.name, e.code])(new DOMException("a", "Own"))', '(e => [e.name, e.cause])(new DOMException("a", { name: "X", cause: 1 }))',
    'new DOMException("m", "AbortError").stack.split("\\n")[0]', 'DOMException.ABORT_ERR', 'DOMException.prototype.DATA_CLONE_ERR', 'Object.keys(DOMException).sort()',
    '["IndexSizeError", "NotFoundError", "SyntaxError", "DataCloneError", "QuotaExceededError", "TimeoutError", ""].map(n => new DOMException("", n).code)', 'DOMException("a")',
    'DOMException.prototype.code', 'class X extends DOMException {}; new X("a") instanceof X',
    '(() => { class X extends DOMException { get [Symbol.toStringTag] () { return "X" } } return [new X("a", "b").name, new X("c") instanceof DOMException] })()'
  ])
})

t.test('Event and EventTarget', async t => {
  const run = (code: string): string => `(() => { const log = []; const target = new EventTarget(); ${code}; return log })()`
  await same(t, [
    '(e => [e.type, e.bubbles, e.cancelable, e.composed, e.target, e.currentTarget, e.eventPhase, e.defaultPrevented, e.returnValue, e.cancelBubble, e.isTrusted, e.composedPath()])(new Event("a"))',
    '(e => [e.bubbles, e.cancelable, e.composed])(new Event("a", { bubbles: 1, cancelable: true, composed: "x" }))',
    '(e => [e.detail, e.type, e instanceof Event])(new CustomEvent("a", { detail: { b: 1 } }))', 'new CustomEvent("a").detail',
    'new Event()', 'new Event(Symbol())', 'new Event("a", 1)', 'new Event(1).type', 'Event("a")', 'typeof new Event("a").timeStamp', 'Event.AT_TARGET',
    'Object.prototype.toString.call(new Event("a"))', 'Object.prototype.toString.call(new CustomEvent("a"))', 'Object.prototype.toString.call(new EventTarget())', 'Event.prototype.type',
    run('target.addEventListener("a", function (e) { log.push(this === target, e.target === target, e.currentTarget === target, e.eventPhase, e.composedPath().length, e.isTrusted) }); log.push(target.dispatchEvent(new Event("a")))'),
    run('const f = () => log.push(1); target.addEventListener("a", f); target.addEventListener("a", f); target.addEventListener("a", f, true); target.dispatchEvent(new Event("a"))'),
    run('const f = () => log.push(1); target.addEventListener("a", f, { once: true }); for (const x of "aa") target.dispatchEvent(new Event(x))'),
    run('const f = () => log.push(1); target.addEventListener("a", f); target.dispatchEvent(new Event("a")); target.removeEventListener("a", f); target.dispatchEvent(new Event("a"))'),
    run('target.addEventListener("a", { handleEvent (e) { log.push(e.type, "h" in this) }, h: 1 }); target.dispatchEvent(new Event("a"))'),
    run('target.addEventListener("a", e => e.preventDefault()); log.push(target.dispatchEvent(new Event("a")), target.dispatchEvent(new Event("a", { cancelable: true })))'),
    run('target.addEventListener("a", e => e.preventDefault(), { passive: true }); log.push(target.dispatchEvent(new Event("a", { cancelable: true })))'),
    run('target.addEventListener("a", e => { log.push(1); e.stopImmediatePropagation() }); target.addEventListener("a", () => log.push(2)); target.dispatchEvent(new Event("a"))'),
    run('target.addEventListener("a", e => { log.push(1); e.stopPropagation() }); target.addEventListener("a", () => log.push(2)); const e = new Event("a"); target.dispatchEvent(e); target.dispatchEvent(e); log.push(e.target === target, e.currentTarget)'),
    run('const g = () => log.push(2); target.addEventListener("a", () => { log.push(1); target.removeEventListener("a", g); target.addEventListener("a", () => log.push(3)) }); target.addEventListener("a", g); target.dispatchEvent(new Event("a"))'),
    run('const c = new AbortController(); target.addEventListener("a", () => log.push(1), { signal: c.signal }); target.dispatchEvent(new Event("a")); c.abort(); target.dispatchEvent(new Event("a"))'),
    run('target.addEventListener("a", () => log.push(1), { signal: AbortSignal.abort() }); target.dispatchEvent(new Event("a"))'),
    run('try { target.dispatchEvent({}) } catch (e) { log.push(e.name) }'),
    run('target.addEventListener("a", null); log.push(target.dispatchEvent(new Event("a")))'), run('target.addEventListener("a", undefined)'),
    run('target.addEventListener("a")'), run('target.addEventListener("a", 1)'), run('target.dispatchEvent()'), run('target.dispatchEvent({ type: "a" })'),
    run('class T extends EventTarget { #x = 1; get x () { return this.#x } }; const t = new T(); t.addEventListener("a", e => log.push(e.target.x)); t.dispatchEvent(new Event("a"))'),
    'EventTarget()', 'Object.keys(EventTarget.prototype).sort()', 'EventTarget.prototype.dispatchEvent.call({}, new Event("a"))'
  ])
})

t.test('AbortController and AbortSignal', async t => {
  const run = (code: string): string => `(() => { const log = []; const c = new AbortController(); const s = c.signal; ${code}; return log })()`
  await same(t, [
    run('log.push(s.aborted, s.reason, s === c.signal, s instanceof EventTarget, s.onabort); c.abort(); log.push(s.aborted, s.reason, s.reason.message)'),
    run('c.abort("x"); c.abort("y"); log.push(s.reason)'), run('c.abort(undefined); log.push(s.reason)'), run('c.abort(null); log.push(s.reason)'), run('c.abort(1); s.throwIfAborted()'), run('log.push(s.throwIfAborted())'),
    run('s.addEventListener("abort", e => log.push(e.type, e.target === s, e.isTrusted, s.aborted)); c.abort(); c.abort()'),
    run('s.onabort = function (e) { log.push(this === s, e.type) }; s.addEventListener("abort", () => log.push(2)); c.abort(); log.push(typeof s.onabort)'),
    run('s.onabort = () => log.push(1); s.onabort = null; c.abort()'), run('s.onabort = () => log.push(1); s.onabort = () => log.push(2); c.abort()'),
    '(s => [s.aborted, s.reason, s.reason.message])(AbortSignal.abort())', 'AbortSignal.abort("x").reason', 'AbortSignal.abort(null).reason', 'new AbortSignal()', 'AbortController()', 'AbortSignal.timeout()',
    'AbortSignal.timeout(-1)', 'AbortSignal.timeout("x")', 'AbortSignal.timeout(Infinity)', 'AbortSignal.any()', 'AbortSignal.any(1)', 'AbortSignal.any([1])', 'AbortSignal.any([]).aborted',
    run('const a = AbortSignal.any([s]); a.addEventListener("abort", e => log.push(e.target === a, a.reason)); s.addEventListener("abort", () => log.push("s", a.aborted)); c.abort("x")'),
    run('const a = AbortSignal.any([s]); s.addEventListener("abort", () => log.push("s", a.aborted)); a.addEventListener("abort", () => log.push("a")); c.abort("x"); log.push(a.reason)'),
    run('const a = AbortSignal.any([s]); const b = AbortSignal.any([a]); b.onabort = () => log.push("b"); a.onabort = () => log.push("a"); c.abort(1); log.push(a.aborted, b.reason)'),
    run('const a = AbortSignal.any([AbortSignal.abort("x"), s]); log.push(a.aborted, a.reason)'), run('c.abort(1); const a = AbortSignal.any(new Set([s])); a.onabort = () => log.push("never"); log.push(a.reason)'),
    run('const a = AbortSignal.any([s, s]); let n = 0; a.addEventListener("abort", () => n++); c.abort(); log.push(n)'),
    'Object.prototype.toString.call(new AbortController().signal)', 'Object.prototype.toString.call(new AbortController())', 'Object.keys(AbortController.prototype).sort()'
  ])
})

t.test('Headers', async t => {
  const of = (init: string, code = ''): string => `(h => { ${code}; return [...h] })(new Headers(${init}))`
  await same(t, [
    ...['', '{}', '{ b: 1, A: "x" }', '[["a", "b"], ["A", "c"]]', 'new Headers({ a: "b" })', 'new Map([["a", "b"]])', '{ a: " \\tx\\r\\n" }', '{ a: "é" }', '{ a: "€" }', '{ a: "x\\ny" }', '{ a: "\\0" }', '{ a: "\\x01\\x7f" }',
      '{ "a b": "c" }', '{ "": "c" }', '{ "é": "c" }', '[["a"]]', '[["a", "b", "c"]]', '[1]', '1', 'null', '"ab"', '{ a: undefined }', '{ a: Symbol() }', '{ [Symbol("x")]: "y" }'].map(init => of(init)),
    of('{ a: 1 }', 'h.append("A", 2); h.append("set-cookie", "x=1"); h.append("Set-Cookie", "y=2"); h.set("b", " 3 ")'), of('{ a: 1, b: 2 }', 'h.delete("A"); h.delete("c")'),
    of('{ a: 1 }', 'h.append("a", 2); h.set("a", 3)'), of('', 'h.append("a")'), of('', 'h.append("a", "x\\r\\ny: z")'), of('', 'h.get("a b")'), of('', 'h.has("")'), of('', 'h.delete("€")'), of('', 'h.set("a", "\\ud800")'),
    '(h => { h.append("set-cookie", "a"); h.append("set-cookie", "b"); return [h.getSetCookie(), h.get("set-cookie"), h.has("SET-cookie"), h.get("x"), h.has("x"), new Headers(h).getSetCookie()] })(new Headers())',
    '(h => [h.keys(), h.values(), h.entries()])(new Headers({ b: 1, a: 2 }))', '(h => { const l = []; h.forEach(function (v, k, o) { l.push(v, k, o === h, this.x) }, { x: 1 }); return l })(new Headers({ a: 1 }))',
    of('{ a: 1, c: 2 }', 'const seen = []; for (const [k] of h) { seen.push(k); if (k === "a") h.append("b", 1) }; h.set("seen", seen.join())'),
    'Headers()', 'Object.prototype.toString.call(new Headers())', 'Headers.prototype.get.call({}, "a")'
  ])
})

t.test('Response', async t => {
  const of = (init: string): string => `(async r => [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, r.bodyUsed, r.body === null, [...r.headers], await r.text(), r.bodyUsed])(${init})`
  await same(t, [
    ...['new Response()', 'new Response(null)', 'new Response(undefined)', 'new Response("")', 'new Response("aé\\ud800")', 'new Response("\\ufeffa")', 'new Response(12)', 'new Response({})', 'new Response(new Uint8Array([65, 255]))', 'new Response(new Uint8Array([65, 66, 67]).buffer)',
      'new Response(new DataView(new Uint8Array([65, 66, 67]).buffer, 1))', 'new Response(new URLSearchParams({ a: "b c" }))', 'new Response(new Blob(["ab"], { type: "text/x" }))', 'new Response(new Blob(["ab"]))',
      'new Response("a", { status: 404, statusText: "No", headers: { "Content-Type": "x/y", a: "b" } })', 'new Response(null, { status: 204 })', 'new Response("a", null)', 'new Response("a", { headers: [["a", "b"]] })',
      'new Response("", { status: 204 })', 'new Response("a", { status: 304 })', 'new Response("a", { status: 199 })', 'new Response("a", { status: 600 })', 'new Response("a", { status: "201" })', 'new Response("a", { status: NaN })', 'new Response("a", { status: 65736 })',
      'new Response("a", { statusText: "x\\n" })', 'new Response("a", { statusText: "é" })', 'new Response("a", { headers: { "a b": "c" } })', 'new Response(Symbol())', 'new Response("a", 1)',
      'Response.json({ a: [1] })', 'Response.json("x")', 'Response.json(null)', 'Response.json({ a: 1 }, { status: 201, headers: { "content-type": "a/b" } })', 'Response.json(undefined)', 'Response.json(1n)', 'Response.json()', 'Response.json(1, { status: 204 })',
      'Response.redirect("http://a/b")', 'Response.redirect("http://a", 301)', 'Response.redirect("http://a", 200)', 'Response.redirect("/b")', 'Response.redirect()', 'Response.error()', 'Response()',
      'new Response("a").clone()', 'Response.json({ a: 1 }, { status: 201 }).clone()'].map(of),
    'new Response("{\\"a\\":1}").json()', 'new Response("{").json()', 'new Response("").json()', 'new Response("é").arrayBuffer()', 'new Response("é").bytes()', 'new Response(new Uint8Array([1, 2])).bytes()', 'new Response().bytes()',
    '(async b => [b.size, b.type, await b.text()])(await new Response("ab", { headers: { "content-type": "text/X" } }).blob())', '(await new Response("ab").blob()).type', '(await new Response(new Uint8Array(1)).blob()).type',
    '(async r => { await r.text(); return r.text() })(new Response("a"))', '(async r => { await r.text(); return r.text() })(new Response())', '(async r => { await r.text(); return r.clone() })(new Response("a"))',
    '(async r => { const c = r.clone(); return [await r.text(), await c.text(), c.headers !== r.headers] })(new Response("a"))', '(async r => { const p = r.json(); return [r.bodyUsed, await p.catch(e => e.name)] })(new Response("x"))',
    '(async () => { const b = new Uint8Array([65]); const r = new Response(b); b[0] = 66; return r.text() })()', '(async () => { const r = new Response(new Uint8Array([65])); const c = r.clone(); (await r.bytes())[0] = 66; return c.text() })()',
    'Response.redirect("http://a").headers.set("a", "b")', 'Response.error().headers.append("a", "b")', 'new Response("a").headers.set("a", "b")', '(r => r.headers === r.headers)(new Response())',
    'Object.prototype.toString.call(new Response())', 'Response.prototype.status', 'await Response.prototype.text.call({})', '(class X extends Response { get x () { return this.status } }, 1)',
    'new (class extends Response { get x () { return this.status } })("a").x'
  ])
})

t.test('Request', async t => {
  const of = (init: string): string => `(async r => [r.method, r.url, r.redirect, r.bodyUsed, r.body === null, [...r.headers], await r.text(), r.signal.aborted])(new Request(${init}))`
  await same(t, [
    ...['"http://a"', '"http://a/b?c#d"', 'new URL("http://a")', '"/x"', '"a"', '"http://u:p@a"', '', 'null', '"http://a", null', '"http://a", { method: "post", body: "x" }', '"http://a", { method: "patch" }', '"http://a", { method: "PaTcH" }', '"http://a", { method: "get" }',
      '"http://a", { method: "connect" }', '"http://a", { method: "TRACE" }', '"http://a", { method: "a b" }', '"http://a", { method: "" }', '"http://a", { body: "x" }', '"http://a", { method: "HEAD", body: "" }', '"http://a", { method: "POST", body: null }',
      '"http://a", { method: "POST", body: new URLSearchParams("a=b"), headers: { x: "y" } }', '"http://a", { redirect: "manual" }', '"http://a", { redirect: "x" }', '"http://a", { signal: AbortSignal.abort() }', '"http://a", { signal: null }', '"http://a", { signal: {} }',
      'new Request("http://a", { method: "POST", body: "x", headers: { y: "z" } })', 'new Request("http://a", { method: "POST", body: "x" }), { method: "PUT" }', 'new Request("http://a", { method: "POST", body: "x" }), { body: "y" }', 'new Request("http://a", { headers: { a: "b" } }), { headers: { c: "d" } }',
      'new Request("http://a", { method: "POST", body: "x" }).clone()'].map(of),
    '(async r => { const s = new Request(r); return [r.bodyUsed, await s.text()] })(new Request("http://a", { method: "POST", body: "x" }))', '(async r => { await r.text(); return new Request(r) })(new Request("http://a", { method: "POST", body: "x" }))',
    '(() => { const c = new AbortController(); const r = new Request("http://a", { signal: c.signal }); const s = r.clone(); c.abort(1); return [r.signal.aborted, s.signal.reason, r.signal === c.signal, r.signal === r.signal] })()',
    '(async () => new Request("http://a", { method: "POST", body: "[1]" }).json())()', 'Request("http://a")', 'Object.prototype.toString.call(new Request("http://a"))'
  ])
})

t.test('Blob', async t => {
  const of = (init: string): string => `(async b => [b.size, b.type, await b.text(), await b.bytes(), await b.arrayBuffer()])(new Blob(${init}))`
  await same(t, [
    ...['', '[]', '["a", "é", "\\ud800"]', '[new Uint8Array([1, 2]), new ArrayBuffer(1), new DataView(new ArrayBuffer(2), 1)]', '[new Blob(["x"]), 1, null, undefined, {}]', '["a"], { type: "Text/Plain" }', '["a"], { type: "é" }', '["a"], { type: null }', '"a"', '1', 'null', '{}',
      '[Symbol()]', '["a\\r\\nb\\rc\\nd"], { endings: "native" }', '["a\\r\\nb"], { endings: "x" }', 'new Set(["a"])', '[], 1', '[], null'].map(of),
    ...['', '1', '1, 3', '-2', '-3, -1', '5', '3, 1', '0, 2, "X/y"', 'NaN', '1.7', '"1"'].map(args => `(async b => [b.size, b.type, await b.text()])(new Blob(["abcd"], { type: "t/t" }).slice(${args}))`),
    'Blob()', 'Object.prototype.toString.call(new Blob())', 'Blob.prototype.size', '(async () => { const b = new Uint8Array([65]); const l = new Blob([b]); b[0] = 66; (await l.bytes())[0] = 67; return l.text() })()'
  ])
})

t.test('crypto', async t => {
  await same(t, [
    ...['new Uint8Array(4)', 'new Uint32Array(3)', 'new BigUint64Array(2)', 'new Uint8ClampedArray(1)', 'new Uint8Array(65536)'].map(array => `(a => [crypto.getRandomValues(a) === a, a.some(Boolean) || a.length === 1])(${array})`),
    ...['new Uint8Array(65537)', 'new Float32Array(1)', 'new DataView(new ArrayBuffer(1))', '[]', '', '1', 'new ArrayBuffer(4)'].map(array => `crypto.getRandomValues(${array})`),
    '(a => { crypto.getRandomValues(a.subarray(1, 3)); return [a[0], a[3]] })(new Uint8Array(4))', '/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())', 'crypto.randomUUID() !== crypto.randomUUID()',
    ...['"SHA-1"', '"sha-256"', '{ name: "SHA-384" }', '"SHA-512"'].map(name => `crypto.subtle.digest(${name}, new TextEncoder().encode("aé"))`), 'crypto.subtle.digest("SHA-256", new ArrayBuffer(0))', 'crypto.subtle.digest("SHA-256", new Uint16Array([1, 2]).subarray(1))',
    'crypto.subtle.digest("MD5", new Uint8Array())', 'crypto.subtle.digest("SHA-256", "a")', 'crypto.subtle.digest("SHA-256")', 'crypto.subtle.digest("SHA-1\\nx", new Uint8Array())', 'crypto.subtle.digest({}, new Uint8Array())', 'Object.prototype.toString.call(crypto)', 'Object.prototype.toString.call(crypto.subtle)'
  ])
})

t.test('performance counts whole milliseconds, and only forward', async t => {
  t.equal(await guest.evaluate('Number.isInteger(performance.now())'), 'true')
  t.equal(await guest.evaluate('Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 5000'), 'true')
  const backwards = makeGuest()
  backwards.run('performance.timeOrigin; let now = Date.now(); Date.now = () => now; 0')
  t.equal(await backwards.evaluate('(() => { const a = performance.now(); Date.now = () => 0; return performance.now() >= a })()'), 'true')
})

t.test('where Node differs, the standard holds', async t => {
  const expected = {
    '(() => { let n = 0; const t = new EventTarget(), f = () => n++; t.addEventListener("a", f); t.removeEventListener("a", f, true); t.dispatchEvent(new Event("a")); return n })()': '1',
    '(() => { let name; const t = new EventTarget(); t.addEventListener("a", e => { try { t.dispatchEvent(e) } catch (x) { name = x.name } }); t.dispatchEvent(new Event("a")); return name })()': '"InvalidStateError"',
    '(() => { const c = new AbortController(), d = new AbortController(), s = AbortSignal.any([c.signal, d.signal]); d.abort("d"); c.abort("c"); return s.reason })()': '"d"',
    '(() => { const s = new AbortController().signal; s.onabort = 5; return s.onabort })()': 'null',
    '[...new Headers(() => {})].length': '0',
    'new Event("a").BUBBLING_PHASE': '3',
    'String(new URLSearchParams("%ff=é%zz"))': '"%EF%BF%BD=%C3%A9%25zz"',
    '(() => { const b = new ArrayBuffer(2); try { structuredClone([b, () => {}], { transfer: [b] }) } catch { return b.detached } })()': 'false'
  }
  for (const [expression, value] of Object.entries(expected)) t.equal(await guest.evaluate(expression), value, expression)
})

t.test('signals that nobody listens to are not kept by those they were made of', t => {
  const { isolate, run } = makeGuest()
  run('globalThis.long = new AbortController().signal; for (let i = 0; i < 300000; i++) AbortSignal.any([long]).aborted; 0')
  t.notOk(isolate.isDisposed, 'it ran in 64 MB')
  t.end()
})

t.test('reads a Response without what guest code may have replaced', async t => {
  const broken = makeGuest()
  t.equal(broken.run('readText(new Response("aé", { status: 201, headers: { a: "b" } }))'),
    '{"status":201,"headers":[["a","b"],["content-type","text/plain;charset=UTF-8"]],"used":false,"text":"aé","bytes":[97,195,169]}')
  broken.run(`
    for (const name of ['status', 'headers', 'bodyUsed', 'text', 'bytes']) Object.defineProperty(Response.prototype, name, { value: 'evil' })
    Headers.prototype.entries = Headers.prototype[Symbol.iterator] = () => ['evil']
    globalThis.Response2 = Response; globalThis.Response = globalThis.Headers = class {}; 0`)
  t.equal(broken.run('readText(new Response2(new Uint8Array([255]), { status: 201 }))'), '{"status":201,"headers":[],"used":false,"bytes":[255]}')
  t.equal(broken.run('readText(Object.create(Response2.prototype))'), undefined)
  t.equal(broken.run('readText({ status: 200, headers: [], body: "x" })'), undefined)
  t.equal(broken.run('readText(new Proxy(new Response2("a"), {}))'), undefined)
  t.equal(broken.run('{ const r = new Response2("a"); Response2.prototype.json.call(r).catch(() => {}); readText(r) }'),
    '{"status":200,"headers":[["content-type","text/plain;charset=UTF-8"]],"used":true,"text":"a","bytes":[97]}')
})

t.test('shows its capability to no guest code', t => {
  // Everything that a guest may replace, replaced by what looks at its arguments, its receiver and its callers.
  const spied = makeGuest()
  const found = spied.run(`
    let found = 0, calls = 0, busy = false
    const { isSecret, Reflect: { apply } } = globalThis
    const look = value => { if (isSecret(value)) found++ }
    Error.prepareStackTrace = (error, sites) => {
      for (let i = 0; i < sites.length; i++) { look(sites[i].getFunction()); look(sites[i].getThis()) }
      return sites.length
    }
    const wrap = (holder, key) => {
      const descriptor = Object.getOwnPropertyDescriptor(holder, key)
      if (!descriptor?.configurable || typeof descriptor.value !== 'function' || key === 'constructor') return
      const original = descriptor.value
      Object.defineProperty(holder, key, { ...descriptor, value: function (...values) {
        if (!busy) {
          busy = true
          calls++
          look(this)
          for (let i = 0; i < values.length; i++) look(values[i])
          new Error().stack
          busy = false
        }
        return apply(original, this, values)
      } })
    }
    for (const holder of [Array.prototype, String.prototype, RegExp.prototype, Map.prototype, Set.prototype, Object, Reflect, JSON, Object.getPrototypeOf(Uint8Array.prototype), Promise.prototype, Function.prototype]) {
      for (const key of Reflect.ownKeys(holder)) if (key !== 'prototype' && key !== Symbol.hasInstance) wrap(holder, key)
    }
    const url = new URL('http://a/?b'); url.searchParams.append('c', 'd'); url.port = '1'
    new URL('/\\ud800', 'http://b')
    try { new URL('x') } catch {}
    atob(btoa('a')); try { atob('*') } catch (error) { error.stack }
    new TextDecoder('latin1').decode(new Uint8Array([1])); try { new TextDecoder('x') } catch (error) { error.stack }
    crypto.getRandomValues(new Uint8Array(1)); crypto.randomUUID(); crypto.subtle.digest('SHA-1', new Uint8Array())
    Response.json({}).clone(); new Request('http://a'); new Blob(['a']); structuredClone(new Map()); performance.now()
    busy = true
    calls > 100 ? found : 'nothing was called'`)
  t.equal(found, 0)
  t.equal(spied.run('isSecret(1)'), false)
  t.end()
})

t.test('capabilities answer anything with text, soon, and throw nothing', t => {
  const odd = ['', '\n', '\n\n', 'a\nb\nc', 'host\nhttp://a\nb', 'href\nhttp://a\nhttp://b', '__proto__\nhttp://a\nb', 'constructor\nhttp://a\n', 'SHA-1', 'MD5\na', '-1', '1e9', '0x10', '65537', 'NaN',
    'nope\n\na', 'utf-8\nfatal\n\xff', '\ud800', '\0', 'é'.repeat(2_000_000), 'x'.repeat(20_000_000), `http://${'é'.repeat(100_000)}`, `http:\\\\${'\t/'.repeat(5_000)}${'é'.repeat(10_000)}/`,
    `http://a\n//${'é'.repeat(100_000)}`, `host\nhttp://a\n${'é'.repeat(100_000)}`, `hostname\nhttp://a\n${'xn--'.repeat(50_000)}`, `http://${'%E4%B8%80'.repeat(100_000)}/`, `http://${'xn--a.'.repeat(100_000)}`,
    `HT\tTP:${'漢'.repeat(50_000)}`, `http://b\nhttp:${'漢'.repeat(50_000)}`, 'http://a/' + 'a/../'.repeat(200_000)]
  for (const input of [...odd, ...[undefined, null, 1, {}, [], Symbol('a'), { toString: () => { throw new Error('never') } }, Object('a')] as unknown as string[]]) {
    for (const [name, capability] of Object.entries(capabilities)) {
      const start = performance.now()
      if (typeof capability(input) !== 'string') t.fail(`${name} of ${String(input).slice(0, 40)}`)
      if (performance.now() - start > 10_000) t.fail(`${name} of ${String(input).slice(0, 40)} holds the cell`)
    }
  }
  t.equal(Object.getPrototypeOf(capabilities), null)
  t.equal(capabilities['url']!('data:,' + 'é'.repeat(10_000)).startsWith('data:,'), true, 'long URLs without a host are fine')
  t.equal(capabilities['url']!(`http://a/${'é'.repeat(10_000)}`).startsWith('http://a/'), true)
  t.end()
})

t.test('an isolate of a cell has the globals that are declared for it, and no others', async t => {
  const child = await Child.start(t)
  const isolate = child.load('exports.names = endpoint({}, () => Object.getOwnPropertyNames(globalThis))')
  const has = await child.value(isolate, 'names') as string[]
  const bare = new ivm.Isolate()
  const own = new Set(bare.createContextSync().evalSync('Object.getOwnPropertyNames(globalThis)', { copy: true }) as string[])
  bare.dispose()
  // V8 has one of its own, which is replaced.
  own.delete('console')
  t.strictSame(has.filter(name => !own.has(name)).sort(), declaredGlobals())
  t.strictSame(Object.keys(table).filter(name => !has.includes(name)), [])
})

t.test('web globals work in a cell', async t => {
  const child = await Child.start(t)
  const isolate = child.load(`
    const { AbortSignal: early } = globalThis
    exports.json = endpoint({}, () => Response.json({ a: 'é' }, { status: 201, headers: { x: 'y' } }))
    exports.bytes = endpoint({}, async () => new Response(new Uint8Array([0, 255, 10])))
    exports.form = endpoint({}, async () => new Response(new URLSearchParams({ a: 'b c' })))
    exports.copy = endpoint({}, async () => { const r = new Response('x'); const c = r.clone(); await r.text(); return c })
    exports.used = endpoint({}, async () => { const r = new Response('x'); await r.text(); return r })
    exports.none = endpoint({}, () => Response.error())
    exports.timeout = endpoint({}, () => new Promise(resolve => { AbortSignal.timeout(5).onabort = event => resolve([event.type, event.target.reason.name]) }))
    exports.signal = endpoint({}, (args, { signal }) => [signal instanceof early, signal.aborted, AbortSignal.any([signal]).aborted])
    exports.thrown = endpoint({}, () => { throw Object.assign(new DOMException('no', 'NotFoundError'), { statusCode: 404 }) })
    exports.listener = endpoint({}, () => { const t = new EventTarget(); t.addEventListener('a', () => { throw new Error('from a listener') }); return t.dispatchEvent(new Event('a')) })
    exports.url = endpoint({}, () => new URL('?q', 'http://ä/'))
    exports.digest = endpoint({}, async () => [...new Uint8Array(await crypto.subtle.digest('SHA-1', new Uint8Array()))].slice(0, 4))
  `)
  t.strictSame(await child.call(isolate, 'json'), { head: { status: 201, headers: [['content-type', 'application/json'], ['x', 'y']] }, body: Buffer.from('{"a":"é"}') })
  t.strictSame(await child.call(isolate, 'bytes'), { head: { status: 200, headers: [] }, body: Buffer.from([0, 255, 10]) })
  t.strictSame(await child.call(isolate, 'form'), {
    head: { status: 200, headers: [['content-type', 'application/x-www-form-urlencoded;charset=UTF-8']] }, body: Buffer.from('a=b+c')
  })
  t.match(await child.call(isolate, 'copy'), { body: Buffer.from('x') })
  t.match(await child.call(isolate, 'used'), { error: { kind: 'response' } })
  t.match(await child.call(isolate, 'none'), { error: { kind: 'response' } })
  t.strictSame(await child.value(isolate, 'timeout'), ['abort', 'TimeoutError'])
  t.strictSame(await child.value(isolate, 'signal'), [true, false, false])
  t.match(await child.call(isolate, 'thrown'), { error: { kind: 'thrown', statusCode: 404, message: 'no' } })
  t.equal(await child.value(isolate, 'listener'), true)
  await child.until(() => child.logs.some(({ level, text }) => level === 'error' && text.includes('from a listener')))
  t.equal(await child.value(isolate, 'url'), 'http://xn--4ca/?q')
  t.strictSame(await child.value(isolate, 'digest'), [0xda, 0x39, 0xa3, 0xee])
})
