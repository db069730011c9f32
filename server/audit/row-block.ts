import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import type { Candidate } from './scan.ts'
import type { StoredEntry } from './stored.ts'

/** An event of a block, its texts read. */
export type BlockRow = Pick<Candidate, 'index' | 'text' | 'entry' | 'personal' | 'personalText'>

type Laid = Pick<Candidate, 'index' | 'recordedAt' | 'text' | 'personalText'>

/** Where the texts of a block's rows begin and end, by row. Behind a row without personal values `personalFrom` is 0. */
type Marks = { entryFrom: Int32Array; entryTo: Int32Array; personalFrom: Int32Array; personalTo: Int32Array }

/**
 * Events as they are stored: the UTF-8 of many side by side in one room. Whoever writes much reads it in place; nothing else is
 * made of a row before it is asked for. The byte before each entry is 0, so that both together are the leaf that is hashed.
 */
export class RowBlock {
  readonly count: number
  readonly bytes: Uint8Array
  /** Ascending. */
  readonly indexes: Float64Array
  /** When each was recorded, in milliseconds. */
  readonly recordedAt: Float64Array
  readonly marks: Marks
  readonly #known: readonly BlockRow[] | null

  private constructor(made: {
    count: number
    bytes: Uint8Array
    indexes: Float64Array
    recordedAt: Float64Array
    marks: Marks
    known: readonly BlockRow[] | null
  }) {
    this.count = made.count
    this.bytes = made.bytes
    this.indexes = made.indexes
    this.recordedAt = made.recordedAt
    this.marks = made.marks
    this.#known = made.known
  }

  /** A block of events that were read already. */
  static of(rows: readonly (BlockRow & Pick<Candidate, 'recordedAt'>)[]): RowBlock {
    return RowBlock.#laid(rows, rows)
  }

  /** A block of events of which nothing was read. */
  static ofStored(entries: readonly StoredEntry[]): RowBlock {
    return RowBlock.#laid(
      entries.map(({ personal: personalText, ...entry }) => ({ ...entry, personalText })),
      null,
    )
  }

  static #laid(rows: readonly Laid[], known: readonly BlockRow[] | null): RowBlock {
    const count = rows.length
    const room = rows.reduce(
      (sum, { text, personalText }) => sum + 1 + Buffer.byteLength(text) + Buffer.byteLength(personalText ?? ''),
      0,
    )
    const bytes = Buffer.allocUnsafe(room)
    const indexes = new Float64Array(count)
    const recordedAt = new Float64Array(count)
    const marks = marksFor(count)
    let at = 0
    for (const [n, { index, recordedAt: time, text, personalText }] of rows.entries()) {
      indexes[n] = index
      recordedAt[n] = time.getTime()
      bytes[at++] = 0
      marks.entryFrom[n] = at
      at += bytes.write(text, at)
      marks.entryTo[n] = at
      if (personalText === null) continue
      marks.personalFrom[n] = at
      at += bytes.write(personalText, at)
      marks.personalTo[n] = at
    }
    return new RowBlock({ count, bytes, indexes, recordedAt, marks, known })
  }

  /**
   * A block of what `COPY (SELECT index, recorded_at, entry, personal …) TO STDOUT (FORMAT binary)` gave, at most `limit` rows. The
   * room is the block's from then on. Throws a RangeError on anything else.
   */
  static ofCopy(copied: Buffer, limit: number): RowBlock {
    const indexes = new Float64Array(limit)
    const recordedAt = new Float64Array(limit)
    const marks = marksFor(limit)
    let count = 0
    let at = COPY_HEADER_BYTES + copied.readInt32BE(COPY_HEADER_BYTES - 4)
    for (; copied.readInt16BE(at) === COPY_FIELDS; count++) {
      if (count === limit) throw new RangeError('more rows came than were asked for')
      indexes[count] = readInt64(copied, at + 6)
      // Microseconds since 2000.
      recordedAt[count] = Y2K_MS + readInt64(copied, at + 18) / 1_000
      at += FIXED_BYTES
      const entryBytes = copied.readInt32BE(at - 4)
      marks.entryFrom[count] = at
      // The last byte of the length.
      copied[at - 1] = 0
      at += entryBytes
      marks.entryTo[count] = at
      const personalBytes = copied.readInt32BE(at)
      at += 4
      if (personalBytes < 0) continue
      marks.personalFrom[count] = at
      at += personalBytes
      marks.personalTo[count] = at
    }
    if (copied.readInt16BE(at) !== -1 || at + 2 !== copied.length)
      throw new RangeError('not the rows that were asked for')
    return new RowBlock({ count, bytes: copied, indexes, recordedAt, marks, known: null })
  }

  /** A block that came from another thread. */
  static ofSent(sent: Pick<RowBlock, 'count' | 'bytes' | 'indexes' | 'recordedAt' | 'marks'>): RowBlock {
    return new RowBlock({ ...sent, known: null })
  }

  /** Where to go on behind row `n`. */
  placeBehind(n: number): { after: number; time: number } {
    return { after: this.indexes[n] ?? 0, time: this.recordedAt[n] ?? 0 }
  }

  /** Row `n` with its texts read. */
  row(n: number): BlockRow {
    const known = this.#known?.[n]
    if (known) return known
    const text = this.#text(this.marks.entryFrom[n], this.marks.entryTo[n])
    const from = this.marks.personalFrom[n]
    const personalText = from === 0 ? null : this.#text(from, this.marks.personalTo[n])
    return {
      index: this.indexes[n] ?? 0,
      text,
      // Both were written by the ledger; the proof compares the entry with its leaf.
      entry: JSON.parse(text) as AuditEntry,
      personal: personalText === null ? undefined : (JSON.parse(personalText) as Personal),
      personalText,
    }
  }

  /** How many bytes the texts of row `n` have. */
  sizeOf(n: number): number {
    const { entryFrom, entryTo, personalFrom, personalTo } = this.marks
    return (entryTo[n] ?? 0) - (entryFrom[n] ?? 0) + (personalTo[n] ?? 0) - (personalFrom[n] ?? 0)
  }

  #text(from = 0, to = 0): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + from, to - from).toString()
  }
}

/** Signature, flags and the length of the extension. */
const COPY_HEADER_BYTES = 11 + 4 + 4
const COPY_FIELDS = 4
/** The count of fields, two numbers of 8 bytes with their lengths, and the length of the entry. */
const FIXED_BYTES = 2 + 12 + 12 + 4
const Y2K_MS = 946_684_800_000

function marksFor(count: number): Marks {
  const room = () => new Int32Array(count)
  return { entryFrom: room(), entryTo: room(), personalFrom: room(), personalTo: room() }
}

function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}
