import { expose } from './common/interface.ts'

/** By legacy code, from 1; those without a name here are constants only. https://webidl.spec.whatwg.org/#dfn-error-names-table */
const NAMES = [
  'IndexSizeError', '', 'HierarchyRequestError', 'WrongDocumentError', 'InvalidCharacterError', '', 'NoModificationAllowedError', 'NotFoundError',
  'NotSupportedError', 'InUseAttributeError', 'InvalidStateError', 'SyntaxError', 'InvalidModificationError', 'NamespaceError', 'InvalidAccessError', '',
  'TypeMismatchError', 'SecurityError', 'NetworkError', 'AbortError', 'URLMismatchError', 'QuotaExceededError', 'TimeoutError', 'InvalidNodeTypeError',
  'DataCloneError'
]

const CONSTANTS = [
  'INDEX_SIZE_ERR', 'DOMSTRING_SIZE_ERR', 'HIERARCHY_REQUEST_ERR', 'WRONG_DOCUMENT_ERR', 'INVALID_CHARACTER_ERR', 'NO_DATA_ALLOWED_ERR',
  'NO_MODIFICATION_ALLOWED_ERR', 'NOT_FOUND_ERR', 'NOT_SUPPORTED_ERR', 'INUSE_ATTRIBUTE_ERR', 'INVALID_STATE_ERR', 'SYNTAX_ERR', 'INVALID_MODIFICATION_ERR',
  'NAMESPACE_ERR', 'INVALID_ACCESS_ERR', 'VALIDATION_ERR', 'TYPE_MISMATCH_ERR', 'SECURITY_ERR', 'NETWORK_ERR', 'ABORT_ERR', 'URL_MISMATCH_ERR',
  'QUOTA_EXCEEDED_ERR', 'TIMEOUT_ERR', 'INVALID_NODE_TYPE_ERR', 'DATA_CLONE_ERR'
]

/** An `Error` of V8's own, so that it has a stack and counts as one wherever errors are shown. */
class DOMException extends Error {
  #name = 'Error'

  constructor (message: unknown = '', options: unknown = 'Error') {
    super(`${message as string}`)
    if (typeof options === 'object' && options !== null) {
      const { name = 'Error', cause } = options as { name?: unknown, cause?: unknown }
      this.#name = `${name as string}`
      if ('cause' in options) Object.defineProperty(this, 'cause', { value: cause, writable: true, configurable: true })
    } else {
      this.#name = `${options as string}`
    }
    // Once more: the first line of the stack holds the name.
    Error.captureStackTrace(this, new.target)
  }

  override get name (): string {
    // V8 asks while it makes the stack, before there is a name.
    return #name in this ? this.#name : 'Error'
  }

  get code (): number {
    const index = NAMES.indexOf(this.#name)
    return this.#name === '' ? 0 : index + 1
  }
}

export default function exception (): { DOMException: typeof DOMException } {
  const constants: Record<string, number> = {}
  for (const [index, constant] of CONSTANTS.entries()) constants[constant] = index + 1
  expose(DOMException, 'DOMException', constants)
  return { DOMException }
}

/** What other parts throw such errors by. */
export type Exception = ReturnType<typeof exception>
