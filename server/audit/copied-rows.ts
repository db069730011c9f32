import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import { type BareClient, copyOut } from '#server/kernel/copy-out.ts'
import { wholes } from './index/parameters.ts'
import { RowBlock } from './row-block.ts'

/** What is read at once, and a row more; the rest of a stretch that has more is left for the next time. */
const BLOCK_BYTES = 16 * 1_048_576

export type Stretch = {
  /** Indexes `from` (included) to `to` (excluded). */
  from: number
  to: number
  /** When all of them were recorded, as PostgreSQL reads it; both ends included. Only the months in between are looked at. */
  recordedFrom: string
  recordedTo: string
}

/**
 * The entries of a stretch, ascending; those no longer kept are left out. `next` is where to go on: behind the stretch, or behind
 * the last row that found room. As a COPY, whose rows are taken as they come: the rows of a statement cost ten times as much.
 * Index: (tenant, index) of the months.
 */
export async function copyStretch(
  client: BareClient,
  tenantId: string,
  { from, to, recordedFrom, recordedTo }: Stretch,
  room = new CopyRoom(),
): Promise<{ rows: RowBlock; next: number }> {
  if (!isUuid(tenantId) || !Number.isSafeInteger(from) || !Number.isSafeInteger(to))
    throw new TypeError('not a stretch')
  const where = `e.index >= ${from} AND e.index < ${to}`
  const rows = await copyRows(client, tenantId, { where, limit: to - from, recordedFrom, recordedTo }, room)
  return { rows, next: room.isWhole ? to : (rows.indexes[rows.count - 1] ?? from) + 1 }
}

export type Places = Pick<Stretch, 'recordedFrom' | 'recordedTo'> & { indexes: readonly number[] }

/** The same of entries here and there; `next` is null where all of them found room. Index: (tenant, index) of the months. */
export async function copyPlaces(
  client: BareClient,
  tenantId: string,
  { indexes, recordedFrom, recordedTo }: Places,
  room = new CopyRoom(),
): Promise<{ rows: RowBlock; next: number | null }> {
  if (!isUuid(tenantId) || !indexes.every(Number.isSafeInteger)) throw new TypeError('not places')
  const where = `e.index = ANY('${wholes(indexes)}'::bigint[])`
  const rows = await copyRows(client, tenantId, { where, limit: indexes.length, recordedFrom, recordedTo }, room)
  return { rows, next: room.isWhole ? null : (rows.indexes[rows.count - 1] ?? 0) + 1 }
}

type Which = Pick<Stretch, 'recordedFrom' | 'recordedTo'> & { where: string }

/**
 * The rows that are copied. `>= ALL` of one leaves months out as `>=` does, and no index on times fits it: with `>=` the plan reads a
 * month's BRIN, too, rechecks ten times the rows and sorts what comes in order anyway, which takes three times as long.
 */
export function rowsToCopy(
  client: Pick<BareClient, 'escapeLiteral'>,
  tenantId: string,
  { where, recordedFrom, recordedTo }: Which,
): string {
  const time = (text: string) => `ALL (ARRAY[${client.escapeLiteral(text)}::timestamptz])`
  return `SELECT e.index, e.recorded_at, e.entry, e.personal FROM audit_entry e
     WHERE e.tenant_id = ${client.escapeLiteral(tenantId)}::uuid AND ${where}
       AND e.recorded_at >= ${time(recordedFrom)} AND e.recorded_at <= ${time(recordedTo)}
     ORDER BY e.index`
}

async function copyRows(
  client: BareClient,
  tenantId: string,
  { limit, ...which }: Which & { limit: number },
  room: CopyRoom,
): Promise<RowBlock> {
  room.clear()
  // A COPY takes no parameters.
  const statement = `COPY (${rowsToCopy(client, tenantId, which)}) TO STDOUT (FORMAT binary)`
  await copyOut(client, statement, (message) => room.take(message))
  return RowBlock.ofCopy(room.taken(), limit)
}

const FIRST_ROOM_BYTES = 1_048_576
/** What ends a COPY; a row has more. */
const TRAILER_BYTES = 2

/**
 * Where the data of a COPY are put side by side; used again and again, because room outside the heap makes the collector hurry, and
 * shared, so that a thread may read it.
 */
export class CopyRoom {
  /** Whether all of it was taken. */
  isWhole = true
  readonly #mostBytes: number
  #bytes = Buffer.from(new SharedArrayBuffer(FIRST_ROOM_BYTES))
  #filled = 0

  constructor(mostBytes = BLOCK_BYTES) {
    this.#mostBytes = mostBytes
  }

  clear(): void {
    this.isWhole = true
    this.#filled = 0
  }

  taken(): Buffer {
    return this.#bytes.subarray(0, this.#filled)
  }

  /** Takes a message as long as there is room, and the trailer in any case. */
  take(chunk: Buffer): void {
    if (chunk.length > TRAILER_BYTES && (!this.isWhole || this.#filled > this.#mostBytes)) {
      this.isWhole = false
      return
    }
    const filled = this.#filled + chunk.length
    if (filled > this.#bytes.length) {
      const larger = Buffer.from(new SharedArrayBuffer(2 * filled))
      larger.set(this.taken())
      this.#bytes = larger
    }
    // The chunk is the driver's, who uses it again.
    this.#bytes.set(chunk, this.#filled)
    this.#filled = filled
  }
}
