import 'server-only'
import { setImmediate as othersTurn } from 'node:timers/promises'
import type { EventsResponse } from '#protocol/device/messages.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { defineIngest, type Prepared, type Refused, refusing } from '#server/kernel/ingest.ts'
import { reportClone } from './clone.ts'
import { requireSameBytes, storeDigests } from './event-digests.ts'
import { type Claimant, draftsOf, filesOf } from './event-drafts.ts'
import { type BadLine, isGood, type ParsedLine, parseEventLines } from './event-lines.ts'
import { beyondMost, type Sorted, sortLines } from './event-numbers.ts'
import { timesOf } from './event-times.ts'
import { formatRanges, parseRanges, type Range, runsOf } from './ranges.ts'
import { revokedDetail } from './service.ts'

/** Lines as they were sent: what waits is read when its turn comes. */
type SentLines = Iterable<string> & { readonly length: number }
type Batch = { tenantId: string; size: number; actor: DeviceActor; lines: SentLines }

/**
 * Takes events of a device into the log. Resolves when they are durable; sending again is harmless; a bad line is told from
 * the others, uses its number up and is recorded as rejected.
 * @param lines the NDJSON lines without their line breaks, at most 5,000 (the gateway's to count)
 * @throws AppError device_revoked · clone_suspected (both copies are blocked then) · unavailable
 */
export async function ingestDeviceEvents(actor: DeviceActor, lines: SentLines): Promise<EventsResponse> {
  try {
    return await ingest({ tenantId: actor.tenantId, size: lines.length, actor, lines })
  } catch (error) {
    if (isAppError(error) && error.code === 'clone_suspected') await reportClone(actor, String(error.extra?.seq ?? ''))
    throw error
  }
}

const ingest = defineIngest<Batch, EventsResponse>({ name: 'device.events', prepare })

type Enrollment = Claimant & { id: string; deviceId: string; received: string; status: string }

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
  return taken.map((one) =>
    'refusal' in one ? one : { actor: one.actor, drafts: draftsOf(one, { files, at }), result: answer(one) },
  )
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
  const sorted = sortLines(lines, received)
  await requireSameBytes(sql, actor, sorted.known)
  const runs = runsOf(sorted.fresh.map(({ seq }) => seq))
  const givenUp = runs.length > 0 ? beyondMost(received, runs) : null
  return { ...sorted, actor, lines, enrollment, runs, givenUp }
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
    digests: Buffer.from(fresh.map(({ digest }) => digest).join(''), 'latin1'),
  }))
  await Promise.all([
    sql(RECEIVE, [tenantId, JSON.stringify(rows), at.toISOString()]),
    storeDigests(sql, tenantId, digests),
  ])
}

/** What the device is told. */
function answer({ lines, fresh, known, refused }: Taken): EventsResponse {
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
