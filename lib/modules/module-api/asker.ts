import type { Context } from '../../../types/context.ts'
import type { Asker } from '../../deploy/deployer.ts'
import { callerOf } from '../../http/call.ts'

/** Who asks for something: whose token it is, management always has one. */
export function askerOf ({ owner, request }: Context): Asker {
  return { owner, by: callerOf(request)?.kid ?? '' }
}
