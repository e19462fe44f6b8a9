/** The globals that an isolate loads when it first uses them, and the part that has each. */
export const table: Readonly<Record<string, string>> = {
  AbortController: 'events',
  AbortSignal: 'events',
  Blob: 'blob',
  CustomEvent: 'events',
  DOMException: 'exception',
  Event: 'events',
  EventTarget: 'events',
  Headers: 'fetch',
  Request: 'fetch',
  Response: 'fetch',
  TextDecoder: 'encoding',
  TextEncoder: 'encoding',
  URL: 'url',
  URLSearchParams: 'url',
  atob: 'base64',
  btoa: 'base64',
  crypto: 'crypto',
  performance: 'performance',
  reportError: 'events',
  structuredClone: 'clone'
}
