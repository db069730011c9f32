import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import type { EventsResponse } from '#protocol/device/messages.ts'
import { honestClaim } from '#protocol/policy/evaluate.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { defineIngest, type Prepared } from '#server/kernel/ingest.ts'
import type { StatedDraft } from '#server/kernel/ledger.ts'
import { reportClone } from './clone.ts'
import { requireSameBytes, storeDigests } from './event-digests.ts'
import { type BadLine, type GoodLine, isGood, type ParsedLine, parseEventLines } from './event-lines.ts'
import { isSuspect, type Times, timesOf } from './event-times.ts'
import { formatRanges, includes, parseRanges, type Range, runsOf } from './ranges.ts'
import { revokedDetail } from './service.ts'

/** A number this far beyond the highest received is a mistake, not a gap. */
const MAX_LEAP = 10_000_000
/** More gaps than any honest device has: each is read with every request, so beyond these the oldest are no longer waited for. */
const MAX_RANGES = 2_000

type Batch = { tenantId: string; size: number; actor: DeviceActor; lines: readonly ParsedLine[] }

/**
 * Takes events of a device into the log. Resolves when they are durable; sending again is harmless; a bad line is told from
 * the others, uses its number up and is recorded as rejected.
 * @param lines the NDJSON lines without their line breaks, at most 5,000 (the gateway's to count)
 * @throws AppError device_revoked · clone_suspected (both copies are blocked then) · unavailable
 */
export async function ingestDeviceEvents(actor: DeviceActor, lines: readonly string[]): Promise<EventsResponse> {
  const parsed = parseEventLines(lines)
  try {
    return await ingest({ tenantId: actor.tenantId, size: parsed.length, actor, lines: parsed })
  } catch (error) {
    if (isAppError(error) && error.code === 'clone_suspected') await reportClone(actor, String(error.extra?.seq ?? ''))
    throw error
  }
}

const ingest = defineIngest<Batch, EventsResponse>({ name: 'device.events', prepare })

type Enrollment = {
  received: string
  startedAt: Date
  status: string
  platform: Platform
  osVersion: string
  preventCapture: boolean
}

async function prepare(sql: Sql, batch: Batch): Promise<Prepared<EventsResponse>> {
  const { actor, lines } = batch
  const enrollment = await lockEnrollment(sql, actor)
  const received = parseRanges(enrollment.received)
  const { fresh, known, refused } = sort(lines, received)
  await requireSameBytes(sql, actor, known)
  const seqs = fresh.map(({ seq }) => seq)
  const runs = runsOf(seqs)
  const givenUp = fresh.length > 0 ? beyondMost(received, runs) : null
  const at = now()
  if (fresh.length > 0)
    await receive(sql, actor, {
      fresh,
      runs,
      givenUp,
      times: timesOf(fresh.filter(isGood), { startedAt: enrollment.startedAt, at }),
    })
  const files = await filesOf(sql, actor.tenantId, fresh)
  const frame = frameOf(actor, enrollment, at)
  const drafts = [
    ...(givenUp ? [gapsGivenUp(givenUp, actor)] : []),
    ...fresh.map((line) => (isGood(line) ? placed(stated(line, frame), files) : rejected(line, actor))),
    ...unnumbered(refused, actor),
  ]
  return { actor, drafts, result: answer(lines, { fresh, known, refused }) }
}

async function lockEnrollment(sql: Sql, { tenantId, deviceId, enrollmentId }: DeviceActor): Promise<Enrollment> {
  // In a statement of its own: what is read next includes what the batch before us received.
  await sql('SELECT 1 FROM enrollment WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [
    tenantId,
    enrollmentId,
  ])
  const [enrollment] = await sql<Enrollment>(
    `SELECT e.received::text, e.started_at AS "startedAt", d.status, d.platform, d.os_version AS "osVersion",
            coalesce(d.capabilities->>'preventCapture' = 'true', false) AS "preventCapture"
       FROM enrollment e JOIN device d ON d.tenant_id = e.tenant_id AND d.id = e.device_id AND d.enrollment_id = e.id
      WHERE e.tenant_id = $1::uuid AND e.id = $2::uuid AND e.device_id = $3::uuid AND e.ended_at IS NULL`,
    [tenantId, enrollmentId, deviceId],
  )
  if (!enrollment || (enrollment.status !== 'active' && enrollment.status !== 'pending')) {
    throw new AppError('device_revoked', { detail: revokedDetail(enrollment?.status) })
  }
  return enrollment
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

type Received = { fresh: readonly Numbered[]; runs: readonly Range[]; givenUp: Range | null; times: Times }

const RECEIVE = `
  UPDATE enrollment SET received = received + $3::text::int8multirange,
         late_events = late_events + $5::text::integer, late_at = CASE WHEN $5::text::integer > 0 THEN $4::text::timestamptz ELSE late_at END,
         late_longest_ms = greatest(late_longest_ms, $6::text::bigint),
         suspect_events = suspect_events + $7::text::integer, suspect_at = CASE WHEN $7::text::integer > 0 THEN $4::text::timestamptz ELSE suspect_at END,
         given_up_through = greatest(given_up_through, $8::text::bigint)
   WHERE tenant_id = $1::uuid AND id = $2::uuid`

async function receive(sql: Sql, actor: DeviceActor, { fresh, runs, givenUp, times }: Received): Promise<void> {
  const ranges = formatRanges(givenUp ? [givenUp, ...runs] : runs)
  const upTo = givenUp ? givenUp[1] - 1 : 0
  const { at, late, longestMs, suspect } = times
  await sql(RECEIVE, [actor.tenantId, actor.enrollmentId, ranges, at.toISOString(), late, longestMs, suspect, upTo])
  await storeDigests(sql, actor, runs, new Map(fresh.map(({ seq, digest }) => [seq, digest])))
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
 * What the files of a batch are called, and of which lineage they are: a device knows them by their ids alone, and people search
 * for names, and for a file together with its copies. Index: the primary key of `file`.
 */
async function filesOf(sql: Sql, tenantId: string, lines: readonly Numbered[]): Promise<Map<string, KnownFile>> {
  const ids = new Set<string>()
  for (const line of lines) {
    const target = isGood(line) ? line.event.target : undefined
    if (target?.type === 'file' && isUuid(target.id)) ids.add(target.id)
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
