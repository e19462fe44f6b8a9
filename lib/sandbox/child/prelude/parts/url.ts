import { type Host, type Part, connect } from './common/cell.ts'
import { expose } from './common/interface.ts'
import { URLSearchParams, isSearchParams } from './url/search-params.ts'
import { URL } from './url/url.ts'

export default function url (host: Host, part: Part): Urls {
  connect(host, part)
  expose(URL, 'URL')
  expose(URLSearchParams, 'URLSearchParams')
  return { URL, URLSearchParams, isSearchParams }
}

/** What other parts use of it. */
export interface Urls extends Record<string, unknown> {
  readonly URL: typeof URL
  readonly isSearchParams: typeof isSearchParams
}
