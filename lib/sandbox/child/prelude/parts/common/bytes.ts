/** Arguments of one call: many more overflow the stack, and are slower than this. */
const CHUNK = 1_024

/** The bytes that a buffer or a view shows; undefined for anything else. Not a copy. */
export function bytesOf (value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return isBuffer(value) ? new Uint8Array(value) : undefined
}

export function isBuffer (value: unknown): value is ArrayBufferLike {
  // SharedArrayBuffer exists only where a tenant may have it.
  return value instanceof ArrayBuffer || (typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer)
}

/** Bytes as text of as many characters, which is how they cross to the cell. */
export function toLatin1 (bytes: Uint8Array): string {
  return textOfUnits(bytes, bytes.length)
}

export function fromLatin1 (text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** Text of the first `length` code units. */
export function textOfUnits (units: Uint8Array | Uint16Array, length: number): string {
  let text = ''
  for (let i = 0; i < length; i += CHUNK) {
    text += String.fromCharCode.apply(null, units.subarray(i, Math.min(i + CHUNK, length)) as unknown as number[])
  }
  return text
}
