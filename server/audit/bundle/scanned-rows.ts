import 'server-only'
import type { BlockRow } from '../row-block.ts'
import { ByteRoom } from './byte-room.ts'
import { DAY_LENGTH, DayCount } from './day-count.ts'
import { RowScan } from './row-scan.ts'
import type { RowForm } from './row-writer.ts'
import { type ZonedMinute, ZonedTimes } from './zoned-times.ts'

/** What every writer has that makes rows out of the bytes of their texts: where the fields are, the clock of the zone, the days, and room for a row. */
export abstract class ScannedRows {
  readonly days = new DayCount()
  protected readonly mask: RowForm['mask']
  protected readonly times: ZonedTimes
  protected readonly scan = new RowScan()
  protected readonly room = new ByteRoom()

  constructor(timeZone: string, mask: RowForm['mask']) {
    this.times = new ZonedTimes(timeZone)
    this.mask = mask
  }

  end(): Uint8Array {
    return new Uint8Array(0)
  }

  /** A time of the row that was scanned last; null for one that is to be read as JSON. */
  protected minute(bytes: Uint8Array, field: number): ZonedMinute | null {
    return this.times.minute(bytes, this.scan.from[field] ?? 0, this.scan.to[field] ?? 0)
  }

  /** Both times of a row that is read as JSON; its day counts. */
  protected clocks({ entry }: BlockRow): { occurredAt: string; recordedAt: string } {
    const occurredAt = this.times.clock(Date.parse(entry.occurredAt))
    this.days.add(occurredAt.slice(0, DAY_LENGTH))
    return { occurredAt, recordedAt: this.times.clock(Date.parse(entry.recordedAt)) }
  }
}
