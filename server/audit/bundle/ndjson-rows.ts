import 'server-only'
import { maskedNdjsonLine, ndjsonLine } from '#protocol/audit/bundle-row.ts'
import type { RowBlock } from '../row-block.ts'
import { FIELD } from './row-scan.ts'
import type { RowWriter } from './row-writer.ts'
import { ScannedRows } from './scanned-rows.ts'
import type { ZonedMinute } from './zoned-times.ts'

/** Writes events as NDJSON, as CsvRows does: what RowScan declines is read as JSON. */
export class NdjsonRows extends ScannedRows implements RowWriter {
  begin(): Uint8Array {
    return new Uint8Array(0)
  }

  add(block: RowBlock, from: number, to: number): Uint8Array {
    this.room.clear()
    for (let n = from; n < to; n++) if (this.mask || !this.#found(block, n)) this.#asRead(block, n)
    return this.room.taken()
  }

  #found(block: RowBlock, n: number): boolean {
    const { bytes, indexes, marks } = block
    if (!this.scan.row(block, n)) return false
    const occurredAt = this.minute(bytes, FIELD.occurredAt)
    const recordedAt = occurredAt && this.minute(bytes, FIELD.recordedAt)
    // What stands in a detail is JSON or there is no export; nobody has read it so far.
    if (!recordedAt || this.scan.from[FIELD.detail] !== 0) return false
    this.days.add(occurredAt.day)
    const room = this.room
    room.text(`{"index":${indexes[n]}`)
    room.ensure(FIXED_BYTES + block.sizeOf(n))
    this.#time(bytes, OCCURRED_AT, FIELD.occurredAt, occurredAt)
    this.#time(bytes, RECORDED_AT, FIELD.recordedAt, recordedAt)
    room.copy(ENTRY, 0, ENTRY.length)
    room.copyMany(bytes, marks.entryFrom[n] ?? 0, marks.entryTo[n] ?? 0)
    const personalFrom = marks.personalFrom[n] ?? 0
    if (personalFrom !== 0) {
      room.copy(PERSONAL, 0, PERSONAL.length)
      room.copyMany(bytes, personalFrom, marks.personalTo[n] ?? 0)
    }
    room.copy(END, 0, END.length)
    return true
  }

  #time(bytes: Uint8Array, name: Uint8Array, field: number, minute: ZonedMinute): void {
    this.room.copy(name, 0, name.length)
    this.times.write(this.room, bytes, this.scan.from[field] ?? 0, minute)
  }

  #asRead(block: RowBlock, n: number): void {
    const row = block.row(n)
    const { index, text, personalText } = row
    const told = { index, ...this.clocks(row) }
    const line = this.mask
      ? maskedNdjsonLine({ ...told, event: this.mask(row) })
      : ndjsonLine({ ...told, entry: text, personal: personalText ?? undefined })
    this.room.text(`${line}\n`)
  }
}

/** The index, both times with their zones, the names of the members and the line's end, and more. */
const FIXED_BYTES = 256
const ENCODER = new TextEncoder()
const OCCURRED_AT = ENCODER.encode(',"occurredAt":"')
const RECORDED_AT = ENCODER.encode('","recordedAt":"')
const ENTRY = ENCODER.encode('","entry":')
const PERSONAL = ENCODER.encode(',"personal":')
const END = ENCODER.encode('}\n')
