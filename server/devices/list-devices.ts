import 'server-only'
import type { z } from 'zod'
import { base64urlDecode, base64urlEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { isUuid } from '#lib/uuid.ts'
import { AppError } from '#server/kernel/errors.ts'
import { DEVICE_SQL, type DeviceRow, iso, MISSING_SQL } from './device-view.ts'
import type { deviceListInput } from './schema.ts'

type Input = z.output<typeof deviceListInput>

// Each order ends in the id, and each has its index: device_presence_seen, device_name, device_created.
const ORDERS = {
  lastSeen: {
    column: 'c.last_seen_at',
    cast: 'timestamptz',
    direction: 'DESC',
    compare: '<',
    of: (row: DeviceRow) => iso(row.lastSeenAt),
  },
  enrolled: {
    column: 'd.created_at',
    cast: 'timestamptz',
    direction: 'DESC',
    compare: '<',
    of: (row: DeviceRow) => iso(row.enrolledAt),
  },
  name: {
    column: 'lower(d.name)',
    cast: 'text',
    direction: 'ASC',
    compare: '>',
    of: (row: DeviceRow) => row.name.toLowerCase(),
  },
} as const

/** The statement of one page, with only the conditions that are asked for, and one row more than the page. */
export function listStatement(tenantId: string, input: Input): { text: string; values: unknown[] } {
  const values: unknown[] = [tenantId]
  const bind = (value: unknown) => `$${values.push(value)}`
  const order = ORDERS[input.sort]
  const conditions: string[] = []
  if (input.status) conditions.push(`d.status = ${bind(input.status)}::text`)
  if (input.platform) conditions.push(`d.platform = ${bind(input.platform)}::text`)
  if (input.person) conditions.push(`d.person_id = ${bind(input.person)}::uuid`)
  if (input.silentSince) conditions.push(`c.last_seen_at < ${bind(input.silentSince)}::text::timestamptz`)
  if (input.missing) conditions.push(`${MISSING_SQL} > 0`)
  if (input.q) {
    const pattern = `${bind(`%${input.q.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`)}::text`
    const columns = ['d.name', 'p.name', 'p.email', 'd.model', 'd.serial', 'd.platform', 'd.id::text']
    conditions.push(`(${columns.map((column) => `lower(${column}) LIKE ${pattern}`).join(' OR ')})`)
  }
  if (input.cursor) {
    const { key, id } = readCursor(input.cursor, input.sort)
    conditions.push(`(${order.column}, d.id) ${order.compare} (${bind(key)}::text::${order.cast}, ${bind(id)}::uuid)`)
  }
  const where = conditions.map((condition) => ` AND ${condition}`).join('')
  return {
    text: `${DEVICE_SQL}${where} ORDER BY ${order.column} ${order.direction}, d.id ${order.direction} LIMIT ${bind(input.limit + 1)}::integer`,
    values,
  }
}

/** Where the next page begins, or null when `rows` held no row more than the page. */
export function nextCursor(rows: readonly DeviceRow[], { limit, sort }: Input): string | null {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return last ? base64urlEncode(utf8Encode(JSON.stringify([sort, ORDERS[sort].of(last), last.id]))) : null
}

function readCursor(cursor: string, sort: Input['sort']): { key: string; id: string } {
  try {
    const [of, key, id] = JSON.parse(utf8Decode(base64urlDecode(cursor))) as unknown[]
    const fits = of === sort && typeof key === 'string' && typeof id === 'string' && isUuid(id) && !key.includes('\0')
    if (fits && (sort === 'name' || !Number.isNaN(Date.parse(key)))) return { key, id }
  } catch {
    // Not one of ours: said below.
  }
  throw new AppError('invalid', { detail: 'cursor: is not of this list', fields: { cursor: 'is not of this list' } })
}
