import type { PolicyDocument } from './document.ts'
import { compareVersions } from './versions.ts'
import { watermarkPlaceholders } from './watermark.ts'

export type PolicyDirection = 'tighter' | 'looser' | 'neutral'

/** A leaf of the document: a scalar, or a whole list. Absent members are undefined. */
export type PolicyValue = string | number | boolean | null | readonly string[] | undefined

export type PolicyChange = { path: string; before: PolicyValue; after: PolicyValue; direction: PolicyDirection }

/** Positive: `after` is tighter than `before`; negative: looser. */
type Order = (before: PolicyValue, after: PolicyValue) => number

/** Settings from the loosest to the tightest. */
function ladder(...settings: string[]): Order {
  return (before, after) => settings.indexOf(String(after)) - settings.indexOf(String(before))
}

/** A smaller number is tighter; null is the loosest. */
const smallerIsTighter: Order = (before, after) => limit(before) - limit(after)

function limit(value: PolicyValue): number {
  return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER
}

/** A higher minimum is tighter; none is the loosest. */
const higherVersionIsTighter: Order = (before, after) => {
  if (typeof before !== 'string') return 1
  if (typeof after !== 'string') return -1
  return compareVersions(after, before) ?? 0
}

/** An earlier date is tighter; null on either side means that the mode changed, which has its own line. */
const earlierIsTighter: Order = (before, after) =>
  typeof before === 'string' && typeof after === 'string' ? Date.parse(before) - Date.parse(after) : 0

/** Any addition to an exception list loosens, even where something else was removed. */
const fewerIsTighter: Order = (before, after) => {
  const known = new Set(Array.isArray(before) ? before : [])
  const kept = Array.isArray(after) ? after : []
  if (kept.some((item) => !known.has(item))) return -1
  return known.size - kept.length
}

/** A watermark that names less of who, when and where loosens, even where it names something else instead. */
const moreNamedIsTighter: Order = (before, after) => {
  const [named, names] = [watermarkPlaceholders(String(before)), watermarkPlaceholders(String(after))]
  if (named.some((name) => !names.includes(name))) return -1
  return names.length - named.length
}

const ORDERS: Readonly<Record<string, Order>> = {
  'data.screenshot.mode': ladder('allow', 'log', 'block'),
  'data.forward.mode': ladder('allow', 'internal', 'block'),
  'data.forward.internalDomains': fewerIsTighter,
  'data.forward.askReason': ladder('false', 'true'),
  'data.download.mode': ladder('allow', 'ask_reason', 'block'),
  'data.print.mode': ladder('allow', 'block'),
  'data.copy.mode': ladder('allow', 'block'),
  'data.watermark.mode': ladder('off', 'on'),
  'data.watermark.template': moreNamedIsTighter,
  'devices.maxPerPerson': smallerIsTighter,
  'devices.offlineHours': smallerIsTighter,
  'devices.approval': ladder('auto', 'manual'),
  'devices.browser.enrol': ladder('allow', 'block'),
  'devices.browser.offlineContent': ladder('true', 'false'),
  'signIn.secondFactor.mode': ladder('off', 'from', 'now'),
  'signIn.secondFactor.from': earlierIsTighter,
  'signIn.secondFactor.graceDays': smallerIsTighter,
}

function orderOf(path: string): Order | undefined {
  return path.startsWith('devices.minAppVersion.') ? higherVersionIsTighter : ORDERS[path]
}

/** Settings without effect while another one stands at its loosest: whose, and at what. */
const DORMANT: Readonly<Record<string, { path: string; at: string }>> = {
  'data.forward.internalDomains': { path: 'data.forward.mode', at: 'allow' },
  'data.watermark.template': { path: 'data.watermark.mode', at: 'off' },
  'signIn.secondFactor.graceDays': { path: 'signIn.secondFactor.mode', at: 'off' },
}

/** Nothing is looser than the loosest: what comes with leaving it is no loosening of its own. */
function wasDormant(path: string, before: ReadonlyMap<string, PolicyValue>): boolean {
  const dormant = DORMANT[path]
  return dormant !== undefined && before.get(dormant.path) === dormant.at
}

function directionOf(path: string, before: PolicyValue, after: PolicyValue): PolicyDirection {
  const order = orderOf(path)?.(before, after) ?? 0
  return order > 0 ? 'tighter' : order < 0 ? 'looser' : 'neutral'
}

function leavesOf(value: unknown, path: string, into: Map<string, PolicyValue>): Map<string, PolicyValue> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, member] of Object.entries(value)) leavesOf(member, path ? `${path}.${key}` : key, into)
  } else {
    // A parsed document holds only scalars and lists of strings below its objects.
    into.set(path, value as PolicyValue)
  }
  return into
}

/**
 * What changes from one document to another, by path in the document's order. `looser` marks what the brake guards.
 */
export function diffPolicies(before: PolicyDocument, after: PolicyDocument): PolicyChange[] {
  const old = leavesOf(before, '', new Map())
  const fresh = leavesOf(after, '', new Map())
  const changes: PolicyChange[] = []
  for (const path of new Set([...old.keys(), ...fresh.keys()])) {
    const [from, to] = [old.get(path), fresh.get(path)]
    if (JSON.stringify(from) === JSON.stringify(to)) continue
    const direction = wasDormant(path, old) ? 'neutral' : directionOf(path, from, to)
    changes.push({ path, before: from, after: to, direction })
  }
  return changes
}

/** Whether any change loosens: then publishing passes the gate for loosened guards. */
export function loosens(changes: readonly PolicyChange[]): boolean {
  return changes.some((change) => change.direction === 'looser')
}
