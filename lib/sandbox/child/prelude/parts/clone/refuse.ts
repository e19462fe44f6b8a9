import { exception } from '../common/cell.ts'

export function refuse (what: string, why = 'could not be cloned'): never {
  throw exception(`${what} ${why}.`, 'DataCloneError')
}
