import 'server-only'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { zonedClock } from '#lib/zoned-time.ts'
import type { BundleFormat } from '#protocol/audit/bundle.ts'
import { CSV_HEADER, cellJson, csvCells, MASKED_CSV_HEADER } from '#protocol/audit/bundle-csv.ts'
import { parquetColumns, parquetSchema } from '#protocol/audit/bundle-parquet.ts'
import { maskedNdjsonLine, ndjsonLine, type RowEvent, rowEvent, rowTexts } from '#protocol/audit/bundle-row.ts'
import { LEAF_RECORD_BYTES } from '#protocol/audit/bundle-verify.ts'
import type { Candidate } from '../scan.ts'
import { leafOf } from '../tree.ts'

/** An event to be written. */
export type BundleRow = Pick<Candidate, 'index' | 'text' | 'entry' | 'personal' | 'personalText'>

/** Writes events of one part; the same events give the same bytes. Every function answers the bytes that follow. */
export type RowWriter = {
  begin(): Uint8Array
  add(rows: readonly BundleRow[]): Uint8Array
  end(): Uint8Array
}

export type RowForm = {
  format: BundleFormat
  timeZone: string
  /** How whoever asked sees an event, where its entry may not go along. */
  mask: ((row: BundleRow) => RowEvent) | null
}

/** A writer for one part. */
export function rowWriter({ format, timeZone, mask }: RowForm): RowWriter {
  switch (format) {
    case 'csv':
      return csvWriter(timeZone, mask)
    case 'ndjson':
      return ndjsonWriter(timeZone, mask)
    case 'parquet':
      return parquetWriter(mask)
  }
}

/** The events' indexes and the hashes of their leaves, as the member `leaves` holds them. */
export function leafRecords(rows: readonly BundleRow[]): Uint8Array {
  const records = Buffer.allocUnsafe(rows.length * LEAF_RECORD_BYTES)
  let at = 0
  for (const { index, text } of rows) {
    records.writeBigUInt64BE(BigInt(index), at)
    records.set(leafOf(text), at + 8)
    at += LEAF_RECORD_BYTES
  }
  return records
}

const EMPTY = new Uint8Array(0)

function csvWriter(timeZone: string, mask: RowForm['mask']): RowWriter {
  const clock = zonedClock(timeZone)
  const room = new CsvRoom()
  return {
    begin: () => Buffer.from(mask ? MASKED_CSV_HEADER : CSV_HEADER),
    add: (rows) => {
      room.clear()
      for (const row of rows) {
        const { index, entry, personal, personalText, text } = row
        const occurredAt = clock(Date.parse(entry.occurredAt))
        const recordedAt = clock(Date.parse(entry.recordedAt))
        const event = mask ? mask(row) : rowEvent(entry, personal)
        room.text(csvCells({ index, occurredAt, recordedAt, event }))
        if (!mask) {
          room.quoted(cellJson(text))
          // Without quotes where nothing is kept: an empty cell.
          if (personalText !== null) room.quoted(cellJson(personalText))
          else room.text(',')
        }
        room.text('\r\n')
      }
      return room.bytes()
    },
    end: () => EMPTY,
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
/** A cell of JSON at most, as UTF-8, its quotes doubled. */
const MOST_CELL_BYTES = 2 * 3 * 65_536

/** Bytes of CSV. Doubling the quotes of JSON byte by byte costs a fifth of doing it in strings. */
class CsvRoom {
  #room = Buffer.allocUnsafe(4 * MOST_CELL_BYTES)
  #at = 0
  readonly #cell = new Uint8Array(MOST_CELL_BYTES)
  readonly #encoder = new TextEncoder()

  clear(): void {
    this.#at = 0
  }

  text(text: string): void {
    this.#ensure(3 * text.length)
    this.#at += this.#encoder.encodeInto(text, this.#room.subarray(this.#at)).written
  }

  /** A comma and a cell in quotes. */
  quoted(text: string): void {
    this.#ensure(6 * text.length + 3)
    const { written } = this.#encoder.encodeInto(text, this.#cell)
    const room = this.#room
    const cell = this.#cell
    let at = this.#at
    room[at++] = COMMA
    room[at++] = QUOTE
    for (let n = 0; n < written; n++) {
      const byte = cell[n] ?? 0
      room[at++] = byte
      if (byte === QUOTE) room[at++] = QUOTE
    }
    room[at++] = QUOTE
    this.#at = at
  }

  /** Good until the next `clear`. */
  bytes(): Uint8Array {
    return this.#room.subarray(0, this.#at)
  }

  #ensure(more: number): void {
    if (this.#at + more <= this.#room.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#at + more))
    larger.set(this.#room.subarray(0, this.#at))
    this.#room = larger
  }
}

function ndjsonWriter(timeZone: string, mask: RowForm['mask']): RowWriter {
  const clock = zonedClock(timeZone)
  return {
    begin: () => EMPTY,
    add: (rows) => {
      let lines = ''
      for (const row of rows) {
        const { index, text, personalText } = row
        const occurredAt = clock(Date.parse(row.entry.occurredAt))
        const recordedAt = clock(Date.parse(row.entry.recordedAt))
        lines += mask
          ? maskedNdjsonLine({ index, occurredAt, recordedAt, event: mask(row) })
          : ndjsonLine({ index, occurredAt, recordedAt, entry: text, personal: personalText ?? undefined })
        lines += '\n'
      }
      return Buffer.from(lines)
    },
    end: () => EMPTY,
  }
}

/** Rows of a row group: what is held in memory. */
const ROW_GROUP = 10_000
const NAME = 'gatehouse'

function parquetWriter(mask: RowForm['mask']): RowWriter {
  const bytes = new ByteWriter(1_048_576)
  const parquet = new ParquetWriter({ writer: bytes, schema: parquetSchema(mask !== null), createdBy: NAME })
  let waiting: BundleRow[] = []
  const take = () => {
    const taken = bytes.getBytes().slice()
    // `offset` goes on counting; only the room is used again.
    bytes.index = 0
    return taken
  }
  const writeGroup = (rows: BundleRow[]) =>
    parquet.write({ columnData: columnsOf(rows, mask), rowGroupSize: ROW_GROUP })
  return {
    begin: take,
    add: (rows) => {
      waiting.push(...rows)
      while (waiting.length >= ROW_GROUP) {
        writeGroup(waiting.slice(0, ROW_GROUP))
        waiting = waiting.slice(ROW_GROUP)
      }
      return take()
    },
    end: () => {
      if (waiting.length > 0) writeGroup(waiting)
      parquet.finish()
      return take()
    },
  }
}

type ColumnData = Parameters<ParquetWriter['write']>[0]['columnData']

function columnsOf(rows: readonly BundleRow[], mask: RowForm['mask']): ColumnData {
  const names = parquetColumns(mask !== null)
  const data: unknown[][] = names.map(() => [])
  for (const row of rows) {
    const { index, entry, personal, personalText, text } = row
    const event = mask ? mask(row) : rowEvent(entry, personal)
    const cells: unknown[] = [
      BigInt(index),
      new Date(entry.occurredAt),
      new Date(entry.recordedAt),
      ...rowTexts(event),
      text,
      personalText ?? undefined,
    ]
    for (const [n, name] of names.entries()) data[n]?.push(cellOf(name, cells[n], event))
  }
  return names.map((name, n) => ({ name, data: data[n] ?? [] }))
}

function cellOf(name: string, cell: unknown, event: RowEvent): unknown {
  if (name === 'labels') return [...event.labels]
  if (name === 'policy_version') return event.policy && BigInt(event.policy.version)
  return cell ?? null
}
