import { isDeepStrictEqual } from 'node:util'
import type { Endpoint } from '../describe/describe.ts'
import { type Budget, type Difference, differences } from './differences.ts'

/** How one endpoint differs from what is live. */
export interface Change {
  readonly api: string
  /** None: with all methods that it has or had. */
  readonly method?: string
  /** Whoever calls it may fail now, or not understand the answer. */
  readonly breaking: boolean
  readonly text: string
}

/** Characters of all endpoints' schemas together, once for each level that they are nested: it takes some 50 ms, which others wait for. */
const COMPARED_MAX = 3_000_000

/** As many as are read. */
const CHANGES_MAX = 500

type Finding = Omit<Change, 'api' | 'method'>

/** How endpoints differ from those that are live, those first that break callers. */
export function compare (live: readonly Endpoint[], next: readonly Endpoint[]): Change[] {
  const budget = { left: COMPARED_MAX }
  const [before, after] = [byApi(live), byApi(next)]
  const changes = [...new Set([...before.keys(), ...after.keys()])].flatMap(api => {
    const [were, are] = [before.get(api) ?? noMethods, after.get(api) ?? noMethods]
    return changesOf(api, were, are, budget)
  })
  return changes.sort((one, other) => Number(other.breaking) - Number(one.breaking)).slice(0, CHANGES_MAX)
}

type Methods = ReadonlyMap<string, Endpoint>
const noMethods: Methods = new Map()

function byApi (endpoints: readonly Endpoint[]): Map<string, Methods> {
  const grouped = Map.groupBy(endpoints, ({ api }) => api)
  return new Map([...grouped].map(([api, ones]) => [api, new Map(ones.flatMap(one => one.methods.map(method => [method, one] as const)))]))
}

/** Of one api; what is the same for all its methods is said once. */
function changesOf (api: string, were: Methods, are: Methods, budget: Budget): Change[] {
  const methods = [...new Set([...were.keys(), ...are.keys()])]
  const known: Array<{ was: Endpoint, is: Endpoint, findings: Finding[] }> = []
  const findingsOf = (was: Endpoint | undefined, is: Endpoint | undefined): Finding[] => {
    if (is === undefined) return [{ breaking: true, text: 'is gone' }]
    if (was === undefined) return [{ breaking: false, text: `is new${waits(undefined, is)}` }]
    const same = known.find(pair => pair.was === was && pair.is === is)
    if (same !== undefined) return same.findings
    const findings = changesWithin(was, is, budget)
    known.push({ was, is, findings })
    return findings
  }
  const all = methods.flatMap(method => findingsOf(were.get(method), are.get(method)).map(finding => ({ method, ...finding })))
  return [...Map.groupBy(all, ({ text }) => text).values()].flatMap(ones =>
    ones.length === methods.length
      ? { api, breaking: ones[0]!.breaking, text: ones[0]!.text }
      : ones.map(({ method, breaking, text }) => ({ api, method, breaking, text })))
}

function changesWithin (was: Endpoint, is: Endpoint, budget: Budget): Finding[] {
  try {
    return changesBetween(was, is, budget)
  } catch (error) {
    // Data in schemas may be nested deeper than a stack goes.
    if (!(error instanceof RangeError)) throw error
    return [{ breaking: true, text: 'is more than can be compared' }]
  }
}

function changesBetween (was: Endpoint, is: Endpoint, budget: Budget): Finding[] {
  const anyArgs = { type: 'object' }
  const [names, nextNames] = [was.params ?? [], is.params ?? []]
  const findings: Finding[] = [
    ...told('argument', was.args ?? anyArgs, is.args ?? anyArgs, budget, ({ narrower }) => narrower),
    ...told('result', was.returns, is.returns, budget, ({ wider }) => wider)
  ]
  const say = (differs: boolean, breaking: boolean, text: string): void => { if (differs) findings.push({ breaking, text }) }
  say(!isDeepStrictEqual(names, nextNames), names.some((name, i) => nextNames[i] !== name),
    `URL parameters are ${nextNames.join(', ') || 'not named'} now; were ${names.join(', ') || 'not named'}`)
  say(waits(was, is) !== '', true, `is the same${waits(was, is)}`)
  say(was.timeoutSecs !== is.timeoutSecs, false, `may take ${is.timeoutSecs ?? 'its owner\'s'} seconds now; was ${was.timeoutSecs ?? 'its owner\'s'}`)
  const { deprecated: wasDeprecated = false, ...text } = was.documentation
  const { deprecated = false, ...nextText } = is.documentation
  say(wasDeprecated !== deprecated, false, deprecated ? 'is deprecated now' : 'is no longer deprecated')
  say(!isDeepStrictEqual(text, nextText), false, 'its documentation is another')
  return findings
}

function told (what: string, before: unknown, after: unknown, budget: Budget, breaks: (difference: Difference) => boolean): Finding[] {
  if (isDeepStrictEqual(before, after)) return []
  return [...differences(before, after, budget)].map(difference => {
    const { path, text } = difference
    return { breaking: breaks(difference), text: `${what}${path === '' ? '' : ` ${path}`} ${text}` }
  })
}

/** A route keeps the config that it was made with, so that no rate limit vanishes unseen. */
function waits (was: Endpoint | undefined, is: Endpoint): string {
  return is.configKey !== '' && is.configKey !== was?.configKey ? ', but not served until the app restarts, since its config is not what was live' : ''
}
