import { copy } from './clone/copy.ts'
import { refuse } from './clone/refuse.ts'
import { type Host, type Part, connect } from './common/cell.ts'
import { need, optionsOf } from './common/interface.ts'

const functions = {
  structuredClone (value: unknown, options?: { transfer?: Iterable<unknown> } | null): unknown {
    need(arguments, 1)
    const transferred = buffersOf(optionsOf(options).transfer ?? [])
    const copied = copy(value, new Map())
    // What is transferred was copied, like all else: nothing is lost when the copy fails, and nobody sees the difference.
    for (const buffer of transferred) buffer.transfer()
    return copied
  }
}

function buffersOf (transfer: Iterable<unknown>): Set<ArrayBuffer> {
  const buffers = new Set<ArrayBuffer>()
  for (const buffer of transfer) {
    if (typeof buffer !== 'object' || buffer === null) throw new TypeError('Expected objects to transfer')
    if (!(buffer instanceof ArrayBuffer)) refuse('Value', 'is not transferable')
    if (buffers.has(buffer)) refuse('ArrayBuffer', 'occurs twice in the transfer list')
    if (buffer.detached) refuse('ArrayBuffer', 'is detached')
    buffers.add(buffer)
  }
  return buffers
}

export default function clone (host: Host, part: Part): Record<string, unknown> {
  connect(host, part)
  return functions
}
