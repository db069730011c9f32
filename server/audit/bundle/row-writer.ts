import 'server-only'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { zonedClock } from '#lib/zoned-time.ts'
import type { BundleFormat } from '#protocol/audit/bundle.ts'
import { LEAF_RECORD_BYTES } from '#protocol/audit/bundle-leaves.ts'
import { parquetColumns, parquetSchema } from '#protocol/audit/bundle-parquet.ts'
import { type RowEvent, rowEvent, rowTexts } from '#protocol/audit/bundle-row.ts'
import { sha256 } from '#protocol/audit/sha256.ts'
import type { BlockRow, RowBlock } from '../row-block.ts'
import { CsvRows } from './csv-rows.ts'
import { DAY_LENGTH, DayCount } from './day-count.ts'
import { NdjsonRows } from './ndjson-rows.ts'

/** Writes events of one part; the same events give the same bytes. Every function answers the bytes that follow. */
export type RowWriter = {
  begin(): Uint8Array
  /** Rows `from` (included) to `to` (excluded) of a block. */
  add(block: RowBlock, from: number, to: number): Uint8Array
  end(): Uint8Array
  /** The days on which they occurred, on the clock of the zone. */
  readonly days: DayCount
}

export type RowForm = {
  format: BundleFormat
  timeZone: string
  /** How whoever asked sees an event, where its entry may not go along. */
  mask: ((row: BlockRow) => RowEvent) | null
}

/** A writer for one part. */
export function rowWriter({ format, timeZone, mask }: RowForm): RowWriter {
  switch (format) {
    case 'csv':
      return new CsvRows(timeZone, mask)
    case 'ndjson':
      return new NdjsonRows(timeZone, mask)
    case 'parquet':
      return parquetWriter(timeZone, mask)
  }
}

/** The events' indexes and the hashes of their leaves, as the member `leaves` holds them. */
export function leafRecords({ bytes, indexes, marks }: RowBlock, from: number, to: number): Uint8Array {
  const records = Buffer.allocUnsafe((to - from) * LEAF_RECORD_BYTES)
  let at = 0
  for (let n = from; n < to; n++) {
    const index = indexes[n] ?? 0
    records.writeUInt32BE(Math.floor(index / 2 ** 32), at)
    records.writeUInt32BE(index % 2 ** 32, at + 4)
    // With the 0 before it, which RFC 6962 (section 2.1) puts before a leaf.
    records.set(sha256(bytes.subarray((marks.entryFrom[n] ?? 0) - 1, marks.entryTo[n])), at + 8)
    at += LEAF_RECORD_BYTES
  }
  return records
}

/** Rows of a row group: what is held in memory. */
const ROW_GROUP = 10_000
const NAME = 'gatehouse'

function parquetWriter(timeZone: string, mask: RowForm['mask']): RowWriter {
  const bytes = new ByteWriter(1_048_576)
  const parquet = new ParquetWriter({ writer: bytes, schema: parquetSchema(mask !== null), createdBy: NAME })
  const clock = zonedClock(timeZone)
  const days = new DayCount()
  let waiting: BlockRow[] = []
  const take = () => {
    const taken = bytes.getBytes().slice()
    // `offset` goes on counting; only the room is used again.
    bytes.index = 0
    return taken
  }
  const writeGroup = (rows: BlockRow[]) => parquet.write({ columnData: columnsOf(rows, mask), rowGroupSize: ROW_GROUP })
  return {
    days,
    begin: take,
    add: (block, from, to) => {
      for (let n = from; n < to; n++) {
        const row = block.row(n)
        days.add(clock(Date.parse(row.entry.occurredAt)).slice(0, DAY_LENGTH))
        waiting.push(row)
      }
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

function columnsOf(rows: readonly BlockRow[], mask: RowForm['mask']): ColumnData {
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
