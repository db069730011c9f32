import 'server-only'
import { formatTime } from '#lib/time.ts'
import { isUuid } from '#lib/uuid.ts'
import { completenessOf } from '#server/devices/queries.ts'
import { type DeviceCompleteness, SILENT_DAYS } from '#server/devices/schema.ts'
import type { Sql } from '#server/kernel/db.ts'
import { logBounds } from '../scan.ts'
import type { Family, Holder } from './lineage.ts'
import type { Coverage, DeviceGap, Gap, Viewer } from './schema.ts'
import type { Tally } from './tally.ts'

const SHOWN = 200

type Context = { sql: Sql; tenantId: string; family: Family; holders: readonly Holder[]; now: Date }
export type Counted = {
  from: string | null
  to: string | null
  tally: Tally
  viewers: readonly Viewer[]
  /** Names out of audiences that were changed, as the log tells them. */
  audiencesBefore: readonly string[]
  isFinished: boolean
}

/** What the answer rests on, and what it cannot know. */
export async function coverageOf(context: Context, counted: Counted): Promise<Coverage> {
  const { viewers, tally } = counted
  const period = await periodOf(context, counted)
  const entitled = await entitledTo(context, counted)
  const devices = await devicesOf(context, viewers)
  const sum = (of: (viewer: Viewer) => number) => viewers.reduce((total, viewer) => total + of(viewer), 0)
  const events = {
    imported: sum(({ known }) => known.import),
    apps: sum(({ known }) => known.app),
    late: sum(({ late }) => late),
    suspect: sum(({ suspect }) => suspect),
  }
  const left = {
    downloads: sum(({ counts }) => counts.downloads),
    prints: sum(({ counts }) => counts.prints),
    captures: sum(({ captures }) => captures.detected + captures.none),
    outside: tally.outside,
  }
  const known = { period, entitled, devices, events, left }
  return { ...known, gaps: gapsOf(known, counted) }
}

/** Each of these alone forbids the words "nobody else". Late events came in the end: they are told, and no gap. */
function gapsOf({ period, devices, events, left }: Omit<Coverage, 'gaps'>, { isFinished }: Counted): Gap[] {
  const isBounded = period.from !== null || period.to !== null
  const gaps: Gap[] = [
    { kind: 'period', count: period.isHeld ? 0 : 1 },
    { kind: 'devices', count: devices.incompleteCount },
    { kind: 'left', count: left.downloads + left.prints + left.captures + left.outside },
    { kind: 'imported', count: events.imported },
    { kind: 'apps', count: events.apps },
    // Without bounds every event counts, whenever its clock says it was.
    { kind: 'suspect', count: isBounded ? events.suspect : 0 },
    { kind: 'unfinished', count: isFinished ? 0 : 1 },
  ]
  return gaps.filter(({ count }) => count > 0)
}

async function periodOf({ sql, tenantId, family }: Context, { from, to, tally }: Counted): Promise<Coverage['period']> {
  const publishedAt = new Date(family.root.createdAt).toISOString()
  const heldSince = await activityHeldSince(sql, tenantId)
  const needed = from !== null && from > publishedAt ? from : publishedAt
  return { from, to, publishedAt, heldSince, isHeld: heldSince <= needed, events: tally.events }
}

/** What was purged of what is done with data ends here; without a purge the log begins with the organisation. */
async function activityHeldSince(sql: Sql, tenantId: string): Promise<string> {
  const [purged] = await sql<{ last: Date | string | null }>(
    `SELECT max(last_at) AS last FROM audit_purge WHERE tenant_id = $1::uuid AND class = 'activity' AND state IN ('removed', 'done')`,
    [tenantId],
  )
  if (purged?.last) return formatTime(new Date(purged.last).getTime() + 1)
  const [tenant] = await sql<{ since: Date | string }>('SELECT created_at AS since FROM tenant WHERE id = $1::uuid', [
    tenantId,
  ])
  const bounds = await logBounds(sql, tenantId)
  return formatTime(
    Math.min(...[tenant?.since, bounds?.from].map((time) => (time ? new Date(time).getTime() : Infinity))),
  )
}

type Person = { id: string; name: string }

/** Whoever may have one of the files now, everybody once. */
const ENTITLED = `SELECT p.id, p.name FROM person p WHERE p.tenant_id = $1::uuid AND p.status <> 'suspended' AND ($3::boolean OR EXISTS (
    SELECT 1 FROM file_audience a WHERE a.tenant_id = p.tenant_id AND a.person_id = p.id AND a.file_id = ANY($2::text[]::uuid[])))`

function openTo({ files }: Family): { ids: string[]; everyone: boolean } {
  const open = files.filter(({ status }) => status === 'published')
  return { ids: open.map(({ id }) => id), everyone: open.some(({ everyone }) => everyone) }
}

/** Index: file_audience_person. */
async function entitledTo(
  { sql, tenantId, family }: Context,
  { viewers, audiencesBefore }: Counted,
): Promise<Coverage['entitled']> {
  const { ids, everyone } = openTo(family)
  const seen = viewers.flatMap(({ who }) => (who.kind === 'person' && who.id && isUuid(who.id) ? [who.id] : []))
  const values = [tenantId, ids, everyone]
  const [all] = await sql<{ count: number }>(`SELECT count(*)::int AS count FROM (${ENTITLED}) AS p`, values)
  const rest = `(${ENTITLED}) AS p WHERE NOT p.id = ANY($4::text[]::uuid[])`
  const [others] = await sql<{ count: number }>(`SELECT count(*)::int AS count FROM ${rest}`, [...values, seen])
  const without = await sql<Person>(
    `SELECT p.id::text, p.name FROM ${rest} ORDER BY lower(p.name), p.id LIMIT ${SHOWN}`,
    [...values, seen],
  )
  const formerly = await formerlyEntitled({ sql, tenantId, family }, { ids, everyone, audiencesBefore })
  return { everyone, count: all?.count ?? 0, without, withoutCount: others?.count ?? 0, formerly }
}

type Before = { ids: string[]; everyone: boolean; audiencesBefore: readonly string[] }

/** Audiences of copies that are deleted, people who are suspended, and names that an audience lost. */
async function formerlyEntitled(
  { sql, tenantId, family }: Pick<Context, 'sql' | 'tenantId' | 'family'>,
  { ids, everyone, audiencesBefore }: Before,
): Promise<Coverage['entitled']['formerly']> {
  const rows = await sql<Person>(
    `SELECT DISTINCT p.id::text, p.name FROM file_audience a JOIN person p ON p.tenant_id = a.tenant_id AND p.id = a.person_id
      WHERE a.tenant_id = $1::uuid AND a.file_id = ANY($2::text[]::uuid[])
        AND NOT EXISTS (SELECT 1 FROM (${ENTITLED.replaceAll('$2', '$4')}) AS e WHERE e.id = p.id) ORDER BY p.name, 1 LIMIT ${SHOWN}`,
    [tenantId, family.files.map(({ id }) => id), everyone, ids],
  )
  const now = await sql<{ name: string }>(
    `SELECT DISTINCT p.name FROM (${ENTITLED}) AS p WHERE p.name = ANY($4::text[])`,
    [tenantId, ids, everyone, audiencesBefore],
  )
  const still = new Set(now.map(({ name }) => name))
  const told = new Set([...still, ...rows.map(({ name }) => name)])
  const lost = audiencesBefore.filter((name) => !told.has(name)).map((name) => ({ name }))
  return [...rows, ...lost].slice(0, SHOWN)
}

type DeviceRow = { id: string; name: string; status: string; personId: string; personName: string }

/** Devices that events name, that were handed a file, or that belong to somebody who may have it. Indexes: the primary key, device_person. */
async function devicesOf(context: Context, viewers: readonly Viewer[]): Promise<Coverage['devices']> {
  const { sql, tenantId, family, holders, now } = context
  const involved = new Set([
    ...viewers.flatMap(({ devices }) => devices.map(({ id }) => id)),
    ...holders.map(({ deviceId }) => deviceId),
  ])
  const { ids, everyone } = openTo(family)
  const rows = await sql<DeviceRow>(
    `SELECT d.id::text, d.name, d.status, p.id::text AS "personId", p.name AS "personName"
       FROM device d JOIN person p ON p.tenant_id = d.tenant_id AND p.id = d.person_id
      WHERE d.tenant_id = $1::uuid AND (d.id = ANY($4::text[]::uuid[]) OR (d.status <> 'pending' AND d.person_id IN (SELECT e.id FROM (${ENTITLED}) AS e)))
      ORDER BY lower(d.name), d.id`,
    [tenantId, ids, everyone, [...involved].filter(isUuid)],
  )
  const known =
    rows.length === 0
      ? null
      : await completenessOf(
          sql,
          tenantId,
          rows.map(({ id }) => id),
        )
  const gaps = rows.flatMap((row) => {
    const completeness = known?.get(row.id)
    return completeness ? (gapOf(row, completeness, { isInvolved: involved.has(row.id), now }) ?? []) : []
  })
  // Those that had the file come first.
  gaps.sort((a, b) => Number(b.isInvolved) - Number(a.isInvolved))
  return { count: rows.length, incomplete: gaps.slice(0, SHOWN), incompleteCount: gaps.length }
}

const MOST_RANGES = 20
/** These may still hold events that they have not sent. */
const MAY_COME_BACK: ReadonlySet<string> = new Set(['active', 'blocked', 'wiping'])

function gapOf(
  { id, name, status, personId, personName }: DeviceRow,
  { missing, missingBefore, givenUpThrough, silentSince, lastContactAt }: DeviceCompleteness,
  { isInvolved, now }: { isInvolved: boolean; now: Date },
): DeviceGap | null {
  const ranges = [...missing, ...missingBefore]
  const isSilent = MAY_COME_BACK.has(status) && now.getTime() - Date.parse(lastContactAt) > SILENT_DAYS * 86_400_000
  const silent = silentSince ?? (isSilent ? lastContactAt : null)
  if (ranges.length === 0 && givenUpThrough === 0 && silent === null) return null
  return {
    device: { id, name },
    person: { id: personId, name: personName },
    isInvolved,
    missing: ranges.slice(0, MOST_RANGES).map(({ from, to }) => ({ from, to })),
    missingCount: ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0),
    silentSince: silent,
    isGivenUp: givenUpThrough > 0,
  }
}
