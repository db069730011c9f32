import 'server-only'
import { type ActorKind, ENFORCEMENTS, type Enforcement } from '#protocol/audit/actions.ts'
import { LATE_MS } from '#server/devices/schema.ts'
import type { Candidate } from '../scan.ts'
import type { KnownFrom } from '../schema.ts'
import { viewEvent } from '../view.ts'
import { VIEWING_ACTIONS } from './question.ts'
import { VIEWER_COUNTS, type Viewer, type ViewerBasis, type ViewerCount } from './schema.ts'

/** What each action counts as. Allowed ones only: what was refused is no viewing. */
const COUNTED: Record<(typeof VIEWING_ACTIONS)[number], ViewerCount | 'captures' | 'publishes'> = {
  'file.view': 'views',
  'file.release': 'handed',
  'file.download': 'downloads',
  'file.print': 'prints',
  'file.copy': 'copies',
  'file.forward': 'forwards',
  'screenshot.attempt': 'captures',
  'file.publish': 'publishes',
}

const MAX_NAMES = 20

type Device = { id: string; name: string | undefined; session: string | undefined }
type Span = { first: string; last: string }

/** One person's counts while they grow; the devices are few, so that memory grows with people and never with events. */
export type Row = Omit<Viewer, 'basis' | 'first' | 'last' | 'devices'> & {
  key: string
  devices: Map<string, Device>
  /** When they came near it; and of what was refused, for whoever has nothing else. */
  near: Span | null
  tried: Span | null
}

export type Tally = {
  rows: Map<string, Row>
  names: Set<string>
  events: number
  /** Forwards out of the organisation. */
  outside: number
}

export function emptyTally(): Tally {
  return { rows: new Map(), names: new Set(), events: 0, outside: 0 }
}

/** Whose device it was at a moment: releases are handed to devices. */
export type PersonOfDevice = (deviceId: string, at: string) => string | undefined

/**
 * Counts one event. A release says that a device was handed the content, the device's own statement that its person opened it:
 * two events about one opening, so a release is counted apart and never as a view. A viewer that asks again within one session
 * goes on with the same opening.
 */
export function count(tally: Tally, candidate: Candidate, personOf: PersonOfDevice): void {
  const event = viewEvent(candidate)
  const action = VIEWING_ACTIONS.find((known) => known === event.action)
  if (!action) return
  const what = COUNTED[action]
  const row = rowOf(tally, candidate, personOf)
  tally.events++
  if (event.target?.name && tally.names.size < MAX_NAMES) tally.names.add(event.target.name)
  const { occurredAt: at } = event
  const isAgain = remember(row, event.device, what === 'views' ? textOf(event.detail?.session) : undefined)
  row.known[event.knownFrom]++
  if (event.clock === 'suspect') row.suspect++
  if (Date.parse(event.recordedAt) - Date.parse(at) > LATE_MS) row.late++
  if (what === 'captures') row.captures[event.enforcement ?? 'none']++
  else if (event.outcome !== 'allowed') row.counts.refused++
  else if (what === 'publishes') row.hasPublished = true
  else if (!isAgain) row.counts[what]++
  if (what === 'forwards' && event.outcome === 'allowed' && event.detail?.outside === 'true') tally.outside++
  if (what === 'captures' || event.outcome === 'allowed') row.near = widened(row.near, at)
  else row.tried = widened(row.tried, at)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function widened(span: Span | null, at: string): Span {
  if (!span) return { first: at, last: at }
  return { first: at < span.first ? at : span.first, last: at > span.last ? at : span.last }
}

/** True where this viewing session was the device's last one already. */
function remember(row: Row, device: { id: string; name?: string | undefined } | undefined, session?: string): boolean {
  if (!device) return false
  const known = row.devices.get(device.id)
  const isAgain = session !== undefined && known?.session === session
  row.devices.set(device.id, {
    id: device.id,
    name: device.name ?? known?.name,
    session: session ?? known?.session,
  })
  return isAgain
}

function rowOf({ rows }: Tally, { entry, personal }: Candidate, personOf: PersonOfDevice): Row {
  const { kind, id } = entry.actor
  if (kind === 'device') return deviceRow(rows, entry.device?.id ?? id, { personal, at: entry.occurredAt, personOf })
  const isTold = !entry.source.startsWith('server')
  // Apps and imports name whom nobody knows here beside the key that brought the event.
  const stranger = isTold && kind !== 'person' ? textOf(personal?.detail?.person) : undefined
  const name = stranger ?? personal?.actorName
  const who = { kind: kindOf(stranger ? 'person' : kind), ...(name && { name }) }
  if (id && !stranger) return takeRow(rows, `${who.kind}:${id}`, { ...who, id })
  const called = (name ?? '').normalize('NFKC').toLowerCase()
  return takeRow(rows, `named:${who.kind}:${called}`, { ...who, ...(called.includes('@') && { email: called }) })
}

function kindOf(kind: ActorKind): Viewer['who']['kind'] {
  return kind === 'person' || kind === 'api_key' ? kind : 'other'
}

type Handed = { personal: Candidate['personal']; at: string; personOf: PersonOfDevice }

/** What is handed to a device is handed to its person. */
function deviceRow(rows: Map<string, Row>, deviceId: string | undefined, { personal, at, personOf }: Handed): Row {
  const personId = deviceId && personOf(deviceId, at)
  if (personId) return takeRow(rows, `person:${personId}`, { kind: 'person', id: personId })
  return takeRow(rows, `device:${deviceId ?? ''}`, {
    kind: 'device',
    ...(deviceId && { id: deviceId }),
    ...(personal?.deviceName && { name: personal.deviceName }),
  })
}

function takeRow(rows: Map<string, Row>, key: string, who: Viewer['who']): Row {
  const row = rows.get(key)
  if (row) {
    // The newest event says what they are called.
    row.who = { ...row.who, ...who }
    return row
  }
  const fresh: Row = {
    key,
    who,
    devices: new Map(),
    near: null,
    tried: null,
    counts: zeros(VIEWER_COUNTS),
    captures: zeros(ENFORCEMENTS),
    known: zeros(['server', 'device', 'app', 'import'] as const satisfies readonly KnownFrom[]),
    hasPublished: false,
    late: 0,
    suspect: 0,
  }
  rows.set(key, fresh)
  return fresh
}

function zeros<K extends string>(names: readonly K[]): Record<K, number> {
  // Object.fromEntries forgets the keys it was given.
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>
}

/** Two rows that turn out to be one person's. */
export function mergeRows(into: Row, from: Row): void {
  for (const name of VIEWER_COUNTS) into.counts[name] += from.counts[name]
  for (const name of ENFORCEMENTS) into.captures[name] += from.captures[name]
  for (const [name, count] of Object.entries(from.known)) into.known[name as KnownFrom] += count
  for (const span of [from.near, from.tried]) {
    const which = span === from.near ? 'near' : 'tried'
    if (span) into[which] = widened(widened(into[which], span.first), span.last)
  }
  for (const [id, device] of from.devices) if (!into.devices.has(id)) into.devices.set(id, device)
  into.hasPublished ||= from.hasPublished
  into.late += from.late
  into.suspect += from.suspect
}

/** The finished row. */
export function viewerOf(row: Row): Viewer {
  const { key: _, near, tried, devices, ...rest } = row
  const span = near ?? tried ?? { first: '', last: '' }
  return {
    ...rest,
    basis: basisOf(row),
    ...span,
    devices: [...devices.values()].map(({ id, name }) => ({ id, name: name ?? id })),
  }
}

function basisOf({ counts, captures, hasPublished }: Row): ViewerBasis {
  const captured = ENFORCEMENTS.reduce((sum, name: Enforcement) => sum + captures[name], 0)
  if (counts.views + counts.downloads + counts.prints + counts.copies + captured > 0) return 'opened'
  if (counts.handed > 0) return 'handed'
  return counts.forwards > 0 || hasPublished ? 'acted' : 'refused'
}
