import 'server-only'
import { CSV_HEADER, csvCell, csvCells, MASKED_CSV_HEADER } from '#protocol/audit/bundle-csv.ts'
import { rowEvent } from '#protocol/audit/bundle-row.ts'
import type { RowBlock } from '../row-block.ts'
import { FIELD, SHAPE, TEXT_FIELDS } from './row-scan.ts'
import type { RowWriter } from './row-writer.ts'
import { ScannedRows } from './scanned-rows.ts'
import type { ZonedMinute } from './zoned-times.ts'

const COMMA = 0x2c
const CR = 0x0d
const LF = 0x0a
/** The index, both times with their zones, commas and the line's end, and more. */
const FIXED_BYTES = 256

/**
 * Writes events as CSV, out of the bytes of their texts. What RowScan finds is copied, cell by cell; what it declines is read as JSON.
 * Both ways give the same line: a property test holds them together.
 */
export class CsvRows extends ScannedRows implements RowWriter {
  begin(): Uint8Array {
    return Buffer.from(this.mask ? MASKED_CSV_HEADER : CSV_HEADER)
  }

  add(block: RowBlock, from: number, to: number): Uint8Array {
    const room = this.room
    room.clear()
    for (let n = from; n < to; n++) {
      if (this.mask || !this.#found(block, n)) this.#asRead(block, n)
      if (!this.mask) this.#proofCells(block, n)
      room.ensure(2)
      room.bytes[room.at++] = CR
      room.bytes[room.at++] = LF
    }
    return room.taken()
  }

  /** The cells that a person reads; false where the row is to be read as JSON. */
  #found(block: RowBlock, n: number): boolean {
    const scan = this.scan
    if (!scan.row(block, n)) return false
    const { bytes, indexes } = block
    const occurredAt = this.minute(bytes, FIELD.occurredAt)
    const recordedAt = occurredAt && this.minute(bytes, FIELD.recordedAt)
    if (!recordedAt) return false
    this.days.add(occurredAt.day)
    this.room.text(String(indexes[n]))
    const most = FIXED_BYTES + block.sizeOf(n)
    this.room.ensure(most)
    this.#time(bytes, FIELD.occurredAt, occurredAt)
    this.#time(bytes, FIELD.recordedAt, recordedAt)
    for (let field = 0; field < TEXT_FIELDS; field++) this.#cell(bytes, field, most)
    return true
  }

  #time(bytes: Uint8Array, field: number, minute: ZonedMinute): void {
    const room = this.room
    room.bytes[room.at++] = COMMA
    this.times.write(room, bytes, this.scan.from[field] ?? 0, minute)
  }

  /** A comma and a cell; afterwards there is room for `most` bytes again. */
  #cell(bytes: Uint8Array, field: number, most: number): void {
    const room = this.room
    const from = this.scan.from[field] ?? 0
    room.bytes[room.at++] = COMMA
    if (from === 0) return
    const to = this.scan.to[field] ?? 0
    const shape = this.scan.shape[field]
    if (shape === SHAPE.plain) room.copy(bytes, from, to)
    else {
      room.text(csvCell(shownText(field, shape, textOf(bytes, from, to))))
      room.ensure(most)
    }
  }

  #asRead(block: RowBlock, n: number): void {
    const row = block.row(n)
    const event = this.mask ? this.mask(row) : rowEvent(row.entry, row.personal)
    this.room.text(csvCells({ index: row.index, ...this.clocks(row), event }))
  }

  /** What the others are derived from; where nothing personal is kept, an empty cell without quotes. */
  #proofCells({ bytes, marks }: RowBlock, n: number): void {
    const room = this.room
    room.jsonCell(bytes, marks.entryFrom[n] ?? 0, marks.entryTo[n] ?? 0)
    const from = marks.personalFrom[n] ?? 0
    if (from === 0) room.text(',')
    else room.jsonCell(bytes, from, marks.personalTo[n] ?? 0)
  }
}

/** As `rowTexts` has it. */
function shownText(field: number, shape: number | undefined, text: string): string {
  if (shape !== SHAPE.json) return text
  // Checked by nobody yet: where it is no JSON there is no export.
  return field === FIELD.labels ? (JSON.parse(text) as string[]).join('; ') : JSON.stringify(JSON.parse(text))
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString()
}
