import type { Blobs } from '../blob.ts'
import { bytesOf } from '../common/bytes.ts'
import { part } from '../common/cell.ts'
import { tagOf, textOf } from '../common/interface.ts'
import { encodeUtf8 } from '../common/utf8.ts'
import type { Urls } from '../url.ts'

/** What a body holds. Text stays text until somebody asks for its bytes, which mostly nobody does. Never written to. */
export type Content = string | Uint8Array<ArrayBuffer>

/** A body as it was given, and the content type that goes with it. */
export interface Extracted {
  readonly content: Content
  readonly type: string
}

/** https://fetch.spec.whatwg.org/#concept-bodyinit-extract for bodies that are there as a whole. */
export function extract (body: unknown): Extracted {
  const bytes = bytesOf(body)
  // A copy: the caller may go on writing to its own.
  if (bytes !== undefined) return { content: bytes.slice() as Uint8Array<ArrayBuffer>, type: '' }
  switch (tagOf(body)) {
    case 'Blob': {
      const content = (part('blob') as Blobs).contentOf(body)
      if (content !== undefined) return { content: content.bytes, type: content.type }
      break
    }
    case 'URLSearchParams':
      if ((part('url') as Urls).isSearchParams(body)) {
        return { content: body.toString(), type: 'application/x-www-form-urlencoded;charset=UTF-8' }
      }
  }
  return { content: textOf(body), type: 'text/plain;charset=UTF-8' }
}

export function bytesOfContent (content: Content): Uint8Array<ArrayBuffer> {
  return typeof content === 'string' ? encodeUtf8(content) : content
}
