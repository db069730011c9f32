import 'server-only'
import { zonedClock } from '#lib/zoned-time.ts'
import type { ByteRoom } from './byte-room.ts'

/** What all times of one minute have in common on the clock of a zone: what stands before their seconds, and behind them. */
export type ZonedMinute = { before: Uint8Array; behind: Uint8Array; day: string }

/** Bytes of a time of an entry, like `2026-01-31T17:14:03.120Z`, and where its seconds are. */
const TIME_BYTES = 24
const SECONDS_FROM = 17
const SECONDS_TO = 23
const FORM = '0000-00-00T00:00:00.000Z'
const KEPT = 5_000

/** The clock of a zone for times as entries write them, digit by digit: the same as `zonedClock` of what they mean. */
export class ZonedTimes {
  /** The same for any time, in milliseconds. */
  readonly clock: (timeMs: number) => string
  readonly #minutes = new Map<number, ZonedMinute>()
  #key = -1
  #minute: ZonedMinute | null = null

  constructor(timeZone: string) {
    this.clock = zonedClock(timeZone)
  }

  /** The minute of the time between these bytes; null where they are no time. Its seconds stand as they are. */
  minute(bytes: Uint8Array, from: number, to: number): ZonedMinute | null {
    if (to - from !== TIME_BYTES) return null
    let key = 0
    for (let n = 0; n < TIME_BYTES; n++) {
      const byte = bytes[from + n] ?? 0
      if (FORM_DIGITS[n] === 0) {
        if (byte !== FORM_BYTES[n]) return null
        continue
      }
      if (byte < ZERO || byte > NINE) return null
      if (n < SECONDS_FROM) key = key * 10 + byte - ZERO
    }
    // No minute has a 60th second here, no day a 24th hour.
    if ((bytes[from + SECONDS_FROM] ?? 0) > FIVE || (key % 10_000) / 100 >= 24) return null
    if (key === this.#key) return this.#minute
    this.#key = key
    this.#minute = this.#minutes.get(key) ?? this.#newMinute(key, bytes, from)
    return this.#minute
  }

  /** Writes the time that begins there; room was made for it. */
  write(room: ByteRoom, bytes: Uint8Array, from: number, { before, behind }: ZonedMinute): void {
    room.copy(before, 0, before.length)
    room.copy(bytes, from + SECONDS_FROM, from + SECONDS_TO)
    room.copy(behind, 0, behind.length)
  }

  #newMinute(key: number, bytes: Uint8Array, from: number): ZonedMinute | null {
    const start = String.fromCharCode(...bytes.subarray(from, from + SECONDS_FROM))
    const timeMs = Date.parse(`${start}00.000Z`)
    if (Number.isNaN(timeMs)) return null
    const text = this.clock(timeMs)
    const minute = {
      before: ENCODER.encode(text.slice(0, SECONDS_FROM)),
      behind: ENCODER.encode(text.slice(SECONDS_TO)),
      day: text.slice(0, 10),
    }
    if (this.#minutes.size >= KEPT) this.#minutes.clear()
    this.#minutes.set(key, minute)
    return minute
  }
}

const ENCODER = new TextEncoder()
const ZERO = 0x30
const FIVE = 0x35
const NINE = 0x39
const FORM_BYTES = ENCODER.encode(FORM)
const FORM_DIGITS = FORM_BYTES.map((byte) => (byte === ZERO ? 1 : 0))
