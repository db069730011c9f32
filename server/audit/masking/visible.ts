import { formatRange, parseRange } from '#protocol/audit/address.ts'
import type { DetailValue } from '#protocol/audit/personal.ts'
import type { AuditEventView } from '../schema.ts'

/** Targets that are the organisation's own things: their names and ids stay. All others may be people, or lead to them. */
const OPEN_TYPES: ReadonlySet<string> = new Set(['file', 'policy', 'key', 'api_key', 'tenant', 'notice', 'message'])

/** Actions whose targets are always of those types where the server or a device states them (`openTargetsQuery` relies on it). */
const OPEN_NOUNS = ['file', 'screenshot', 'policy', 'api_key', 'message', 'notice'] as const

/** Actors that are no people: their ids and names stay. */
export const OPEN_ACTORS = ['api_key', 'system', 'scim'] as const

/** Bits of an address that are shown and can be asked for: a network, not a household. */
const SHOWN_BITS = { 4: 24, 6: 48 } as const

/** Members of the server's own details that say nothing about people. Everything else is hidden. */
const OPEN_DETAIL: ReadonlySet<string> = new Set([
  'again',
  'base',
  'code',
  'discarded',
  'key',
  'keyDestroyed',
  'kind',
  'leaseSeconds',
  'lines',
  'mediaType',
  'method',
  'outside',
  'pages',
  'phase',
  'platform',
  'problem',
  'purpose',
  'result',
  'scope',
  'scopes',
  'sha256',
  'size',
  'sizeBytes',
  'state',
  'status',
  'type',
  'version',
  'restoredFrom',
])

/** What a viewer states about a viewing. */
const OPEN_VIEWING: ReadonlySet<string> = new Set(['page', 'means'])

/** Whether a masked reader sees who acted: nobody stands behind actors of this kind. */
export function isOpenActor(kind: string): boolean {
  return OPEN_ACTORS.some((open) => open === kind)
}

/** Whether a masked reader sees targets of this type: the organisation's own things. */
export function isOpenType(type: string): boolean {
  return OPEN_TYPES.has(type)
}

/** The conditions under which the name of a target is surely that of an open one: apps and imports call targets what they like. */
export function openTargetsQuery(): string {
  return `(${OPEN_NOUNS.map((noun) => `action:${noun}`).join(' OR ')}) -source:app -source:import`
}

/** Whether what correlates events with this action is a file: elsewhere it is a request or a code, which lead to people. */
export function isCorrelatedByFile(action: string): boolean {
  return /^(?:file|screenshot)\./.test(action) && !action.startsWith('file.delete')
}

/** The members of `detail` that this reader may see. */
export function openDetail({ action, source, detail = {} }: AuditEventView): { [name: string]: DetailValue } {
  const isOpen = (name: string): boolean => {
    if (source === 'device') return OPEN_VIEWING.has(name)
    if (source !== 'server') return false
    if (action.startsWith('policy.')) return true
    return OPEN_DETAIL.has(name) || /^(?:brake|privacy)\./.test(name)
  }
  // A problem is told by its code; a sentence may hold anything.
  const isCode = (name: string, value: DetailValue) => name !== 'problem' || /^[a-z_]{1,64}$/.test(String(value))
  return Object.fromEntries(Object.entries(detail).filter(([name, value]) => isOpen(name) && isCode(name, value)))
}

/** The network of an address; nothing for what is none. */
export function networkShown(address: string): string | undefined {
  const range = parseRange(address)
  if (!range) return undefined
  const network = parseRange(`${formatRange(range)}/${SHOWN_BITS[range.family]}`)
  return network ? formatRange(network) : undefined
}

/** Whether a range is wide enough to be asked for. */
export function isWide(text: string): boolean {
  const range = parseRange(text)
  return range !== null && range.length <= SHOWN_BITS[range.family]
}
