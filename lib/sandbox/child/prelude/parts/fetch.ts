import { type Host, type Part, connect } from './common/cell.ts'
import { expose } from './common/interface.ts'
import { Body } from './fetch/body.ts'
import { Headers } from './fetch/headers.ts'
import { Request } from './fetch/request.ts'
import { Response, readResponse } from './fetch/response.ts'

export default function fetch (host: Host, part: Part): Record<string, unknown> {
  connect(host, part)
  expose(Body, 'Body')
  expose(Headers, 'Headers')
  expose(Request, 'Request')
  expose(Response, 'Response')
  return { Headers, Request, Response, readResponse }
}
