import 'server-only'
import { ENFORCEMENTS, type Enforcement } from '#protocol/audit/actions.ts'
import { LATE_MS } from '#server/devices/schema.ts'
import type { KnownFrom } from '../schema.ts'
import { knownFrom } from '../view.ts'
import type { VIEWING_ACTIONS } from './question.ts'
import { VIEWER_COUNTS, type Viewer, type ViewerBasis, type ViewerCount } from './schema.ts'
import type { Sight } from './sight.ts'

/** What each action counts as. Allowed ones only: what was refused is no viewing. */
const COUNTED: Readonly<Record<(typeof VIEWING_ACTIONS)[number], ViewerCount | 'captures' | 'publishes'>> = {
  'file.view': 'views',
  'file.release': 'handed',
  'file.download': 'downloads',
  'file.print': 'prints',
  'file.copy': 'copies',
  'file.forward': 'forwards',
  'screenshot.attempt': 'captures',
  'file.publish': 'publishes',
}

const COUNTED_AS: ReadonlyMap<string, ViewerCount | 'captures' | 'publishes'> = new Map(Object.entries(COUNTED))

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

/** Nothing counted yet. */
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
export function count(tally: Tally, sight: Sight, personOf: PersonOfDevice): void {
  const { occurredAt: at, detail } = sight
  const what = COUNTED_AS.get(sight.action)
  if (!what) return
  const row = rowOf(tally, sight, personOf)
  const isAllowed = sight.outcome === 'allowed'
  tally.events++
  if (sight.targetName && tally.names.size < MAX_NAMES) tally.names.add(sight.targetName)
  const isAgain = remember(row, sight, what === 'views' ? textOf(detail?.session) : undefined)
  row.known[knownFrom(sight.source)]++
  if (sight.clock === 'suspect') row.suspect++
  if (isLate(sight)) row.late++
  if (what === 'captures') row.captures[ENFORCEMENTS.find((known) => known === sight.enforcement) ?? 'none']++
  else if (!isAllowed) row.counts.refused++
  else if (what === 'publishes') row.hasPublished = true
  else if (!isAgain) row.counts[what]++
  if (what === 'forwards' && isAllowed && detail?.outside === 'true') tally.outside++
  if (what === 'captures' || isAllowed) row.near = widened(row.near, at)
  else row.tried = widened(row.tried, at)
}

/** Most are recorded in the hour in which they occurred: their texts begin alike. */
function isLate({ occurredAt, recordedAt }: Sight): boolean {
  if (recordedAt.startsWith(occurredAt.slice(0, HOUR_LENGTH))) return false
  return Date.parse(recordedAt) - Date.parse(occurredAt) > LATE_MS
}

const HOUR_LENGTH = '2026-01-31T17'.length

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function widened(span: Span | null, at: string): Span {
  if (!span) return { first: at, last: at }
  return { first: at < span.first ? at : span.first, last: at > span.last ? at : span.last }
}

/** True where this viewing session was the device's last one already. */
function remember(row: Row, { deviceId: id, deviceName }: Sight, session?: string): boolean {
  if (id === undefined) return false
  const known = row.devices.get(id)
  if (!known) {
    row.devices.set(id, { id, name: deviceName, session })
    return false
  }
  const isAgain = session !== undefined && known.session === session
  known.name = deviceName ?? known.name
  known.session = session ?? known.session
  return isAgain
}

function rowOf({ rows }: Tally, sight: Sight, personOf: PersonOfDevice): Row {
  const { actorKind: kind, actorId: id } = sight
  if (kind === 'device') return deviceRow(rows, sight, personOf)
  const isTold = !sight.source.startsWith('server')
  // Apps and imports name whom nobody knows here beside the key that brought the event.
  const stranger = isTold && kind !== 'person' ? textOf(sight.detail?.person) : undefined
  const name = stranger ?? sight.actorName
  const who = { kind: kindOf(stranger ? 'person' : kind), ...(name && { name }) }
  if (id && !stranger) return takeRow(rows, `${who.kind}:${id}`, { ...who, id })
  const called = (name ?? '').normalize('NFKC').toLowerCase()
  return takeRow(rows, `named:${who.kind}:${called}`, { ...who, ...(called.includes('@') && { email: called }) })
}

function kindOf(kind: string): Viewer['who']['kind'] {
  return kind === 'person' || kind === 'api_key' ? kind : 'other'
}

/** What is handed to a device is handed to its person. */
function deviceRow(rows: Map<string, Row>, sight: Sight, personOf: PersonOfDevice): Row {
  const { deviceId = sight.actorId, deviceName: name, occurredAt } = sight
  const personId = deviceId && personOf(deviceId, occurredAt)
  if (personId) return takeRow(rows, `person:${personId}`, { kind: 'person', id: personId })
  return takeRow(rows, `device:${deviceId ?? ''}`, {
    kind: 'device',
    ...(deviceId && { id: deviceId }),
    ...(name && { name }),
  })
}

function takeRow(rows: Map<string, Row>, key: string, who: Viewer['who']): Row {
  const row = rows.get(key)
  if (row) {
    // The newest event says what they are called.
    if (who.name && who.name !== row.who.name) row.who = { ...row.who, ...who }
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
