import { construct, define, dictionary, RangeErrorConstructor } from './primordials.ts'

/**
 * Takes away what allocates beside the limits of an isolate: a buffer that can be resized has its memory from the system
 * itself. None can be made: `ArrayBuffer` refuses the option, and V8's own is out of reach.
 */
export function refuseResizableBuffers (): void {
  const handler = dictionary<unknown>() as ProxyHandler<ArrayBufferConstructor>
  handler.construct = (target, values, newTarget) => {
    if (values[1]?.maxByteLength !== undefined) throw new RangeErrorConstructor('buffers that can be resized are not available here')
    return construct(target, [values[0]], newTarget) as ArrayBuffer
  }
  const constructor = new Proxy(ArrayBuffer, handler)
  define(ArrayBuffer.prototype, 'constructor', constructor, false)
  define(globalThis, 'ArrayBuffer', constructor, false)
}

interface WebAssemblyNamespace {
  Module: (new (bytes: unknown) => object) & { exports (module: unknown): unknown }
  Instance: new (module: object, imports?: unknown) => object
}

/**
 * V8 compiles WebAssembly beside the isolate and goes on in a task, which isolated-vm runs never, or in no turn. So what
 * promises a module makes it at once.
 */
export function replaceWebAssembly (): void {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyNamespace & Record<string, unknown> }
  const { Module, Instance } = WebAssembly
  const exportsOf = Module.exports
  const isModule = (value: unknown): value is object => {
    try {
      return exportsOf(value) !== undefined
    } catch {
      return false
    }
  }
  const compile = async (bytes: unknown): Promise<object> => new Module(bytes)
  const instantiate = async (source: unknown, imports?: unknown): Promise<unknown> => {
    if (isModule(source)) return new Instance(source, imports)
    const module = new Module(source)
    return { module, instance: new Instance(module, imports) }
  }
  define(WebAssembly, 'compile', compile, true)
  define(WebAssembly, 'instantiate', instantiate, true)
  for (const name of ['compileStreaming', 'instantiateStreaming']) delete WebAssembly[name]
}
