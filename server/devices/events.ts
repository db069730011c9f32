import 'server-only'
import { setImmediate as othersTurn } from 'node:timers/promises'
import { isUuid } from '#lib/uuid.ts'
import type { EventsResponse } from '#protocol/device/messages.ts'
import { honestClaim } from '#protocol/policy/evaluate.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { defineIngest, type Prepared, type Refused, refusing } from '#server/kernel/ingest.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import { reportClone } from './clone.ts'
import { requireSameBytes, storeDigests } from './event-digests.ts'
import { type BadLine, type GoodLine, isGood, type ParsedLine, parseEventLines } from './event-lines.ts'
import { isSuspect, timesOf } from './event-times.ts'
import { formatRanges, includes, parseRanges, type Range, runsOf } from './ranges.ts'
import { revokedDetail } from './service.ts'

/** A number this far beyond the highest received is a mistake, not a gap. */
const MAX_LEAP = 10_000_000
/** More gaps than any honest device has: each is read with every request, so beyond these the oldest are no longer waited for. */
const MAX_RANGES = 2_000

/** Lines as they were sent: what waits is read when its turn comes, and is carried from one young generation to the next as mere text. */
type Batch = { tenantId: string; size: number; actor: DeviceActor; lines: readonly string[] }

/**
 * Takes events of a device into the log. Resolves when they are durable; sending again is harmless; a bad line is told from
 * the others, uses its number up and is recorded as rejected.
 * @param lines the NDJSON lines without their line breaks, at most 5,000 (the gateway's to count)
 * @throws AppError device_revoked · clone_suspected (both copies are blocked then) · unavailable
 */
export async function ingestDeviceEvents(actor: DeviceActor, lines: readonly string[]): Promise<EventsResponse> {
  try {
    return await ingest({ tenantId: actor.tenantId, size: lines.length, actor, lines })
  } catch (error) {
    if (isAppError(error) && error.code === 'clone_suspected') await reportClone(actor, String(error.extra?.seq ?? ''))
    throw error
  }
}

const ingest = defineIngest<Batch, EventsResponse>({ name: 'device.events', prepare })

type Enrollment = {
  id: string
  deviceId: string
  received: string
  startedAt: Date
  status: string
  platform: Platform
  osVersion: string
  preventCapture: boolean
}

type Made = Prepared<EventsResponse> | Refused

/** Of each enrolment one batch at a time: the next looks at what the one before it received. */
async function prepare(sql: Sql, batches: readonly Batch[]): Promise<Made[]> {
  const made = new Map<Batch, Made>()
  for (let left = batches; left.length > 0; ) {
    const senders = new Map<string, Batch>()
    for (const batch of left) if (!senders.has(batch.actor.enrollmentId)) senders.set(batch.actor.enrollmentId, batch)
    const turn = [...senders.values()]
    for (const [n, one] of (await prepareTurn(sql, turn)).entries()) made.set(turn[n] as Batch, one)
    left = left.filter((batch) => !made.has(batch))
  }
  return batches.map((batch) => made.get(batch) as Made)
}

async function prepareTurn(sql: Sql, batches: readonly Batch[]): Promise<Made[]> {
  const tenantId = batches[0]?.tenantId ?? ''
  const [enrollments, read] = await Promise.all([lockEnrollments(sql, tenantId, batches), readAll(batches)])
  const files = await filesOf(sql, tenantId, read)
  const at = now()
  const taken = await Promise.all(read.map((batch) => refusing(() => take(sql, batch, enrollments))))
  await receive(sql, { tenantId, at }, taken)
  return taken.map((one) => ('refusal' in one ? one : { actor: one.actor, ...told(one, { files, at }) }))
}

type ReadBatch = Omit<Batch, 'lines'> & { lines: readonly ParsedLine[] }

/** Batch by batch, while the database locks: what else waits for this process has its turn between them. */
async function readAll(batches: readonly Batch[]): Promise<ReadBatch[]> {
  const read: ReadBatch[] = []
  for (const batch of batches) {
    await othersTurn()
    read.push({ ...batch, lines: parseEventLines(batch.lines) })
  }
  return read
}

/** Sorted: two groups that hold batches of the same devices wait for each other in one order. Index: the primary key. */
const LOCK =
  'SELECT 1 FROM enrollment WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[]) ORDER BY id FOR UPDATE'

const READ = `
  SELECT e.id::text, e.device_id::text AS "deviceId", e.received::text, e.started_at AS "startedAt", d.status, d.platform,
         d.os_version AS "osVersion", coalesce(d.capabilities->>'preventCapture' = 'true', false) AS "preventCapture"
    FROM enrollment e JOIN device d ON d.tenant_id = e.tenant_id AND d.id = e.device_id AND d.enrollment_id = e.id
   WHERE e.tenant_id = $1::uuid AND e.id = ANY($2::text[]::uuid[]) AND e.ended_at IS NULL`

async function lockEnrollments(
  sql: Sql,
  tenantId: string,
  batches: readonly Batch[],
): Promise<Map<string, Enrollment>> {
  const ids = batches.map(({ actor }) => actor.enrollmentId)
  // Two statements: what is read in the second includes what was received before the lock was ours.
  const [, rows] = await Promise.all([sql(LOCK, [tenantId, ids]), sql<Enrollment>(READ, [tenantId, ids])])
  return new Map(rows.map((enrollment) => [enrollment.id, enrollment]))
}

/** What of a batch is new. */
type Taken = Sorted & {
  actor: DeviceActor
  lines: readonly ParsedLine[]
  enrollment: Enrollment
  runs: Range[]
  givenUp: Range | null
}

async function take(
  sql: Sql,
  { actor, lines }: ReadBatch,
  enrollments: ReadonlyMap<string, Enrollment>,
): Promise<Taken> {
  const enrollment = enrollments.get(actor.enrollmentId)
  const isOwn = enrollment?.deviceId === actor.deviceId
  if (!isOwn || (enrollment.status !== 'active' && enrollment.status !== 'pending')) {
    throw new AppError('device_revoked', { detail: revokedDetail(isOwn ? enrollment.status : undefined) })
  }
  const received = parseRanges(enrollment.received)
  const sorted = sort(lines, received)
  await requireSameBytes(sql, actor, sorted.known)
  const runs = runsOf(sorted.fresh.map(({ seq }) => seq))
  const givenUp = runs.length > 0 ? beyondMost(received, runs) : null
  return { ...sorted, actor, lines, enrollment, runs, givenUp }
}

/** What the log and the device are told of it. */
function told(
  { actor, lines, enrollment, fresh, known, refused, givenUp }: Taken,
  { files, at }: { files: ReadonlyMap<string, KnownFile>; at: Date },
): { drafts: StatedDraft[]; result: EventsResponse } {
  const frame = frameOf(actor, enrollment, at)
  const drafts = [
    ...(givenUp ? [gapsGivenUp(givenUp, actor)] : []),
    ...fresh.map((line) => (isGood(line) ? placed(stated(line, frame), files) : rejected(line, actor))),
    ...unnumbered(refused, actor),
  ]
  return { drafts, result: answer(lines, { fresh, known, refused }) }
}

type Numbered = GoodLine | (BadLine & { seq: number })
type Sorted = {
  /** First copies, ascending by number. */
  fresh: Numbered[]
  /** Received before. */
  known: Numbered[]
  /** Without a number that could be used up. */
  refused: BadLine[]
}

function sort(lines: readonly ParsedLine[], received: readonly Range[]): Sorted {
  const fresh = new Map<number, Numbered>()
  const sorted: Omit<Sorted, 'fresh'> = { known: [], refused: [] }
  const highest = received.at(-1)?.[1] ?? 0
  for (const line of lines) {
    if (!isNumbered(line)) sorted.refused.push(line)
    else if (line.seq > highest + MAX_LEAP)
      sorted.refused.push(bad(line, 'seq_out_of_range', `seq: is more than ${MAX_LEAP} beyond the last one`))
    else if (includes(received, line.seq)) sorted.known.push(line)
    else {
      const first = fresh.get(line.seq)
      if (!first) fresh.set(line.seq, line)
      else if (first.digest === line.digest) sorted.known.push(line)
      else sorted.refused.push(bad(line, 'seq_repeated', 'seq: stands twice in this request'))
    }
  }
  return { fresh: [...fresh.values()].sort((a, b) => a.seq - b.seq), ...sorted }
}

/** The numbers to count as received although some never came, so that the ranges stay few; null when they are. */
function beyondMost(received: readonly Range[], runs: readonly Range[]): Range | null {
  const last = received[received.length + runs.length - MAX_RANGES - 1]
  return last ? [1, last[1]] : null
}

function gapsGivenUp([, to]: Range, actor: DeviceActor): StatedDraft {
  const problem = `seq: more than ${MAX_RANGES} gaps; what is missing below ${to} is no longer waited for`
  return rejected({ line: 0, digest: '', code: 'too_many_gaps', detail: problem }, actor)
}

function isNumbered(line: ParsedLine): line is Numbered {
  return line.seq !== undefined
}

function bad({ line, seq, digest }: Numbered, code: string, detail: string): BadLine {
  return { line, seq, digest, code, detail }
}

const RECEIVE = `
  UPDATE enrollment e SET received = e.received + r.ranges::int8multirange,
         late_events = e.late_events + r.late, late_at = CASE WHEN r.late > 0 THEN $3::text::timestamptz ELSE e.late_at END,
         late_longest_ms = greatest(e.late_longest_ms, r."longestMs"),
         suspect_events = e.suspect_events + r.suspect, suspect_at = CASE WHEN r.suspect > 0 THEN $3::text::timestamptz ELSE e.suspect_at END,
         given_up_through = greatest(e.given_up_through, r."upTo")
    FROM json_to_recordset($2::text::json) AS r(id uuid, ranges text, late integer, "longestMs" bigint, suspect integer, "upTo" bigint)
   WHERE e.tenant_id = $1::uuid AND e.id = r.id`

async function receive(
  sql: Sql,
  { tenantId, at }: { tenantId: string; at: Date },
  taken: readonly (Taken | Refused)[],
): Promise<void> {
  const withNews = taken.filter((one): one is Taken => !('refusal' in one) && one.fresh.length > 0)
  if (withNews.length === 0) return
  const rows = withNews.map(({ enrollment: { id, startedAt }, fresh, runs, givenUp }) => ({
    id,
    ranges: formatRanges(givenUp ? [givenUp, ...runs] : runs),
    upTo: givenUp ? givenUp[1] - 1 : 0,
    ...timesOf(fresh.filter(isGood), { startedAt, at }),
  }))
  const digests = withNews.map(({ enrollment, fresh, runs }) => ({
    enrollmentId: enrollment.id,
    runs,
    digests: new Map(fresh.map(({ seq, digest }) => [seq, digest])),
  }))
  await Promise.all([
    sql(RECEIVE, [tenantId, JSON.stringify(rows), at.toISOString()]),
    storeDigests(sql, tenantId, digests),
  ])
}

/** What all events of a batch have in common. */
type Frame = Required<Pick<StatedDraft, 'actor' | 'device'>> & { enrollment: Enrollment; at: Date }

function frameOf(actor: DeviceActor, enrollment: Enrollment, at: Date): Frame {
  const device = { id: actor.deviceId, name: actor.deviceName }
  return { actor: { kind: 'person', id: actor.personId, name: actor.personName }, device, enrollment, at }
}

/** What the device states, as the log may say it: its person acted, and nothing is called prevented that cannot have been. */
function stated({ event, occurredAt }: GoodLine, { actor, device, enrollment, at }: Frame): StatedDraft {
  const { platform, osVersion, preventCapture, startedAt } = enrollment
  const { action, outcome, enforcement, detail } = event
  const claim = honestClaim({ action, outcome, enforcement, platform, osVersion, capabilities: { preventCapture } })
  return {
    action,
    outcome: claim.outcome,
    enforcement: enforcement === undefined && claim.enforcement === 'none' ? undefined : claim.enforcement,
    source: 'device',
    actor,
    device,
    target: event.target,
    labels: event.labels,
    policy: event.policy,
    reason: event.reason,
    occurredAt,
    clock: isSuspect(occurredAt, { startedAt, at }) ? 'suspect' : undefined,
    senderId: event.id,
    detail: detail && Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, String(value)])),
  }
}

type KnownFile = { id: string; name: string; rootId: string }

/**
 * What the files of these batches are called, and of which lineage they are: a device knows them by their ids alone, and people search
 * for names, and for a file together with its copies. Index: the primary key of `file`.
 */
async function filesOf(sql: Sql, tenantId: string, batches: readonly ReadBatch[]): Promise<Map<string, KnownFile>> {
  const ids = new Set<string>()
  for (const { lines } of batches) {
    for (const line of lines) {
      const target = isGood(line) ? line.event.target : undefined
      if (target?.type === 'file' && !ids.has(target.id) && isUuid(target.id)) ids.add(target.id)
    }
  }
  if (ids.size === 0) return new Map()
  const rows = await sql<KnownFile>(
    'SELECT id::text, name, root_id::text AS "rootId" FROM file WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])',
    [tenantId, [...ids]],
  )
  return new Map(rows.map((file) => [file.id, file]))
}

/** What is done with a copy is correlated with the root of its lineage, as in the server's own entries. */
function placed(draft: StatedDraft, files: ReadonlyMap<string, KnownFile>): StatedDraft {
  const file = draft.target?.type === 'file' ? files.get(draft.target.id.toLowerCase()) : undefined
  if (!draft.target || !file) return draft
  const target = { ...draft.target, name: file.name }
  return { ...draft, target, ...(file.rootId === file.id ? {} : { correlationId: file.rootId }) }
}

function rejected({ seq, code, detail }: BadLine, actor: DeviceActor): StatedDraft {
  return {
    action: 'device.event.rejected',
    outcome: 'failed',
    device: { id: actor.deviceId, name: actor.deviceName },
    detail: { code, problem: detail, ...(seq === undefined ? {} : { seq: String(seq) }) },
  }
}

/** Lines without a number cannot be told from their repetition: one entry a request says how many there were. */
function unnumbered(refused: readonly BadLine[], actor: DeviceActor): StatedDraft[] {
  const [first] = refused
  if (!first) return []
  const entry = rejected({ ...first, seq: undefined }, actor)
  return [{ ...entry, detail: { ...entry.detail, lines: String(refused.length) } }]
}

function answer(lines: readonly ParsedLine[], { fresh, known, refused }: Sorted): EventsResponse {
  const wrong = [...fresh.filter((line): line is BadLine & { seq: number } => !isGood(line)), ...refused].sort(
    (a, b) => a.line - b.line,
  )
  return {
    acceptedThrough: lines.reduce((highest, { seq = 0 }) => Math.max(highest, seq), 0),
    duplicates: known.length,
    rejected: wrong.map(({ line, seq, code, detail }) => ({
      line,
      ...(seq === undefined ? {} : { seq }),
      code,
      detail,
    })),
  }
}
