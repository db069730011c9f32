import 'server-only'
import type { z } from 'zod'
import { base64urlDecode, base64urlEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { isTime } from '#lib/time.ts'
import { isUuid } from '#lib/uuid.ts'
import { now } from '#server/kernel/clock.ts'
import { AppError } from '#server/kernel/errors.ts'
import { DEVICE_FROM, DEVICE_SQL, type DeviceRow, iso, MISSING_SQL } from './device-view.ts'
import { type deviceListInput, LATE_DAYS, SILENT_DAYS } from './schema.ts'

type Input = z.output<typeof deviceListInput>

// Each order ends in the id, and each has its index: device_presence_seen, device_name, device_created.
const ORDERS = {
  lastSeen: { column: 'c.last_seen_at', cast: 'timestamptz', of: (row: DeviceRow) => iso(row.lastSeenAt) },
  enrolled: { column: 'd.created_at', cast: 'timestamptz', of: (row: DeviceRow) => iso(row.enrolledAt) },
  name: { column: 'lower(d.name)', cast: 'text', of: (row: DeviceRow) => row.name.toLowerCase() },
} as const

/** A count is exact up to here. */
export const COUNT_CAP = 2_000

type Statement = { text: string; values: unknown[] }

function orderOf(sort: Input['sort']) {
  const descending = sort.startsWith('-')
  // The enum's values are these keys, with or without a sign.
  const key = sort.replace('-', '') as keyof typeof ORDERS
  return { ...ORDERS[key], key, direction: descending ? 'DESC' : 'ASC', compare: descending ? '<' : '>' }
}

/** The conditions that are asked for, and no others: each combination is planned for itself. */
function conditionsOf(tenantId: string, input: Input) {
  const values: unknown[] = [tenantId]
  const bind = (value: unknown) => `$${values.push(value)}`
  const conditions: string[] = []
  if (input.status) conditions.push(`d.status = ${bind(input.status)}::text`)
  if (input.platform) conditions.push(`d.platform = ${bind(input.platform)}::text`)
  if (input.person) conditions.push(`d.person_id = ${bind(input.person)}::uuid`)
  if (input.appVersion) conditions.push(`d.app_version = ${bind(input.appVersion)}::text`)
  if (input.policyVersion !== undefined) conditions.push(`c.policy_version = ${bind(input.policyVersion)}::integer`)
  if (input.silentSince) conditions.push(`c.last_seen_at < ${bind(input.silentSince)}::text::timestamptz`)
  if (input.missing) conditions.push(`${MISSING_SQL} > 0`)
  const daysAgo = (days: number) =>
    `${bind(new Date(now().getTime() - days * 86_400_000).toISOString())}::text::timestamptz`
  if (input.completeness === 'missing') conditions.push(`(${MISSING_SQL} > 0 OR e.given_up_through > 0)`)
  if (input.completeness === 'silent')
    conditions.push(`d.status = 'active' AND c.last_seen_at < ${daysAgo(SILENT_DAYS)}`)
  if (input.completeness === 'late') conditions.push(`e.late_at >= ${daysAgo(LATE_DAYS)}`)
  if (input.completeness === 'clock') conditions.push(`e.suspect_at >= ${daysAgo(LATE_DAYS)}`)
  if (input.q) {
    const pattern = `${bind(`%${input.q.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`)}::text`
    const columns = ['d.name', 'p.name', 'p.email', 'd.model', 'd.serial', 'd.platform', 'd.id::text']
    const matches = columns.map((column) => `lower(${column}) LIKE ${pattern}`)
    // As it is read off a watermark: deviceCode() of the id.
    const [, left, right] = /^([0-9a-f]{4})-([0-9a-f]{4})$/i.exec(input.q.trim()) ?? []
    if (left && right) matches.push(`right(d.id::text, 8) = lower(${bind(left + right)}::text)`)
    conditions.push(`(${matches.join(' OR ')})`)
  }
  return { values, bind, conditions }
}

const joined = (conditions: readonly string[]) => conditions.map((condition) => ` AND ${condition}`).join('')

/** The statement of one page, and one row more than the page. */
export function listStatement(tenantId: string, input: Input): Statement {
  const { values, bind, conditions } = conditionsOf(tenantId, input)
  const { column, cast, direction, compare } = orderOf(input.sort)
  if (input.cursor) {
    const { key, id } = readCursor(input.cursor, input.sort)
    conditions.push(`(${column}, d.id) ${compare} (${bind(key)}::text::${cast}, ${bind(id)}::uuid)`)
  }
  const order = `${column} ${direction}, d.id ${direction}`
  return {
    text: `${DEVICE_SQL}${joined(conditions)} ORDER BY ${order} LIMIT ${bind(input.limit + 1)}::integer`,
    values,
  }
}

/** How many there are, counted up to one more than the cap. */
export function countStatement(tenantId: string, input: Input): Statement {
  const { values, conditions } = conditionsOf(tenantId, input)
  return {
    text: `SELECT count(*)::integer AS count FROM (SELECT 1 ${DEVICE_FROM}${joined(conditions)} LIMIT ${COUNT_CAP + 1}) AS counted`,
    values,
  }
}

/** Where the next page begins, or null when `rows` held no row more than the page. */
export function nextCursor(rows: readonly DeviceRow[], { limit, sort }: Input): string | null {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return last ? base64urlEncode(utf8Encode(JSON.stringify([sort, orderOf(sort).of(last), last.id]))) : null
}

function readCursor(cursor: string, sort: Input['sort']): { key: string; id: string } {
  try {
    const [of, key, id] = JSON.parse(utf8Decode(base64urlDecode(cursor))) as unknown[]
    const fits = of === sort && typeof key === 'string' && typeof id === 'string' && isUuid(id) && !key.includes('\0')
    if (fits && (sort.endsWith('name') || isTime(key))) return { key, id }
  } catch {
    // Not one of ours: said below.
  }
  throw new AppError('invalid', { detail: 'cursor: is not of this list', fields: { cursor: 'is not of this list' } })
}
