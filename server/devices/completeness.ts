import 'server-only'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'
import { gapsIn, parseRanges } from './ranges.ts'
import { type DeviceCompleteness, type NumberRange, SILENT_DAYS } from './schema.ts'

type Time = Date | string

type Row = {
  deviceId: string
  status: string
  lastContactAt: Time
  isCurrent: boolean
  endedAt: Time | null
  received: string
  givenUpThrough: string
  lateEvents: string
  lateAt: Time | null
  lateLongestMs: string
  suspectEvents: string
  suspectAt: Time | null
}

/** Every enrolment of the devices, the present one and those that ended. Indexes: the primary keys, enrollment_device. */
const ENROLMENTS = `
  SELECT d.id::text AS "deviceId", d.status, c.last_seen_at AS "lastContactAt", e.id = d.enrollment_id AS "isCurrent", e.ended_at AS "endedAt",
         e.received::text, e.given_up_through::text AS "givenUpThrough", e.late_events::text AS "lateEvents", e.late_at AS "lateAt",
         e.late_longest_ms::text AS "lateLongestMs", e.suspect_events::text AS "suspectEvents", e.suspect_at AS "suspectAt"
    FROM device d
    JOIN device_presence c ON c.tenant_id = d.tenant_id AND c.device_id = d.id
    JOIN enrollment e ON e.tenant_id = d.tenant_id AND e.device_id = d.id
   WHERE d.tenant_id = $1::uuid`

/**
 * What is known to be lacking in what devices reported, by device id; of every device of the organisation, or of those named.
 * A device that is not there has no member. What a device did and has not sent yet is not known: see `lastContactAt`.
 */
export async function completenessOf(
  sql: Sql,
  tenantId: string,
  deviceIds?: readonly string[],
): Promise<Map<string, DeviceCompleteness>> {
  const order = 'ORDER BY d.id, e.started_at, e.id'
  const rows = deviceIds
    ? await sql<Row>(`${ENROLMENTS} AND d.id = ANY($2::text[]::uuid[]) ${order}`, [tenantId, deviceIds])
    : await sql<Row>(`${ENROLMENTS} ${order}`, [tenantId])
  const silentBefore = new Date(now().getTime() - SILENT_DAYS * 86_400_000)
  return new Map(
    [...Map.groupBy(rows, ({ deviceId }) => deviceId)].map(([id, own]) => [id, completeness(own, silentBefore)]),
  )
}

function completeness(rows: readonly Row[], silentBefore: Date): DeviceCompleteness {
  const [{ status, lastContactAt } = { status: '', lastContactAt: silentBefore }] = rows
  const isSilent = status === 'active' && new Date(lastContactAt) < silentBefore
  return {
    missing: rows.filter(({ isCurrent }) => isCurrent).flatMap(missingOf),
    missingBefore: rows
      .filter(({ isCurrent }) => !isCurrent)
      .flatMap((row) => missingOf(row).map((range) => ({ ...range, endedAt: row.endedAt && iso(row.endedAt) }))),
    givenUpThrough: Number(rows.find(({ isCurrent }) => isCurrent)?.givenUpThrough ?? 0),
    lastContactAt: iso(lastContactAt),
    silentSince: isSilent ? iso(lastContactAt) : null,
    late: lateOf(rows),
    clockSuspect: suspectOf(rows),
  }
}

function missingOf({ received }: Row): NumberRange[] {
  return gapsIn(parseRanges(received)).map(([from, to]) => ({ from, to: to - 1 }))
}

function lateOf(rows: readonly Row[]): DeviceCompleteness['late'] {
  const at = newest(rows.map(({ lateAt }) => lateAt))
  const longestMs = Math.max(...rows.map(({ lateLongestMs }) => Number(lateLongestMs)))
  return at === null ? null : { events: sum(rows.map(({ lateEvents }) => lateEvents)), at, longestMs }
}

function suspectOf(rows: readonly Row[]): DeviceCompleteness['clockSuspect'] {
  const at = newest(rows.map(({ suspectAt }) => suspectAt))
  return at === null ? null : { events: sum(rows.map(({ suspectEvents }) => suspectEvents)), at }
}

function newest(times: readonly (Time | null)[]): string | null {
  return times.reduce<string | null>((last, time) => (time && (!last || iso(time) > last) ? iso(time) : last), null)
}

function sum(counts: readonly string[]): number {
  return counts.reduce((total, count) => total + Number(count), 0)
}

function iso(time: Time): string {
  return new Date(time).toISOString()
}
