import { addPlace, type Bits, countCommon, countRange, noBits } from './bits.ts'
import { ByteReader, ByteWriter } from './bytes-io.ts'
import { addPacked, eachStretch, type Packed, type Packing, packPlaces } from './places.ts'

const HOUR_MS = 3_600_000
/** Four bytes hold this many milliseconds, about 49 days. */
const SHORT_MS = 2 ** 32 - 1

/** When each of some neighbouring entries occurred, exactly and by the hour. `from` and `to` are the first and the last moment. */
export type Times = { from: number; to: number; hours: Uint8Array; exact: Uint8Array }

/** `times` in milliseconds since 1970, in the order of the entries. */
export function packTimes(times: readonly number[]): Times {
  const from = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY)
  const to = times.reduce((most, time) => Math.max(most, time), Number.NEGATIVE_INFINITY)
  return { from, to, hours: packHours(times), exact: packExact(times, from, to) }
}

function packHours(times: readonly number[]): Uint8Array {
  const byHour = new Map<number, number[]>()
  times.forEach((time, place) => {
    const hour = Math.floor(time / HOUR_MS)
    const known = byHour.get(hour)
    if (known) known.push(place)
    else byHour.set(hour, [place])
  })
  const writer = new ByteWriter()
  let last = 0
  for (const [hour, places] of [...byHour].sort(([a], [b]) => a - b)) {
    const packed = packPlaces(places, times.length)
    writer.byte(hour < last ? 1 : 0)
    writer.number(Math.abs(hour - last))
    writer.byte(packed.packing)
    writer.number(packed.body.length)
    writer.bytes(packed.body)
    last = hour
  }
  return writer.done()
}

/** The hours (since 1970) in which entries occurred, with their places. */
export function eachHour(hours: Uint8Array, take: (hour: number, packed: Packed) => void): void {
  const reader = new ByteReader(hours)
  let hour = 0
  while (!reader.isDone) {
    const sign = reader.byte() === 1 ? -1 : 1
    hour += sign * reader.number()
    const packing = reader.byte() as Packing
    take(hour, { packing, body: reader.bytes(reader.number()) })
  }
}

function packExact(times: readonly number[], from: number, to: number): Uint8Array {
  const isShort = to - from <= SHORT_MS
  const bytes = new Uint8Array(times.length * (isShort ? 4 : 8))
  const view = new DataView(bytes.buffer)
  times.forEach((time, place) => {
    if (isShort) view.setUint32(4 * place, time - from, true)
    else view.setFloat64(8 * place, time, true)
  })
  return bytes
}

/** The exact times of `entries` entries. */
export function unpackTimes(exact: Uint8Array, { from, entries }: { from: number; entries: number }): Float64Array {
  const times = new Float64Array(entries)
  const view = new DataView(exact.buffer, exact.byteOffset, exact.length)
  const isShort = exact.length === 4 * entries
  for (let place = 0; place < entries; place++)
    times[place] = isShort ? from + view.getUint32(4 * place, true) : view.getFloat64(8 * place, true)
  return times
}

/** A range of time, `from` included and `to` excluded; null where it has no end. */
export type TimeRange = { from: number | null; to: number | null }

/**
 * Adds to `bits` (where entry 0 stands at `shift`) what surely occurred in the range, and answers whether some entries lie in an
 * hour that the range cuts: they need their exact times.
 */
export function addHours(bits: Bits, hours: Uint8Array, { from, to }: TimeRange, shift: number): boolean {
  let isCut = false
  eachHour(hours, (hour, packed) => {
    const [begin, end] = [hour * HOUR_MS, (hour + 1) * HOUR_MS]
    if ((to !== null && begin >= to) || (from !== null && end <= from)) return
    if ((from === null || begin >= from) && (to === null || end <= to)) addPacked(bits, packed, shift)
    else isCut = true
  })
  return isCut
}

/** Adds exactly what occurred in the range. */
export function addTimes(bits: Bits, times: Float64Array, { from, to }: TimeRange, shift: number): void {
  const [least, most] = [from ?? Number.NEGATIVE_INFINITY, to ?? Number.POSITIVE_INFINITY]
  for (let place = 0; place < times.length; place++) {
    const time = times[place] as number
    if (time >= least && time < most) addPlace(bits, shift + place)
  }
}

/** Counts what is set in each of `sets` by the hour in which it occurred; `set` says in which. */
export function countHours(
  sets: readonly Bits[],
  hours: Uint8Array,
  shift: number,
  add: (hour: number, set: number, count: number) => void,
): void {
  const counts = sets.map(() => 0)
  eachHour(hours, (hour, packed) => {
    counts.fill(0)
    if (packed.packing === 2) countBitmap(sets, packed, shift, counts)
    else countStretches(sets, packed, shift, counts)
    for (let set = 0; set < counts.length; set++) {
      const count = counts[set] as number
      if (count > 0) add(hour, set, count)
    }
  })
}

function countStretches(sets: readonly Bits[], packed: Packed, shift: number, counts: number[]): void {
  eachStretch(packed, (from, to) => {
    for (let set = 0; set < sets.length; set++)
      counts[set] = (counts[set] as number) + countRange(sets[set] as Bits, from + shift, to + shift)
  })
}

function countBitmap(sets: readonly Bits[], packed: Packed, shift: number, counts: number[]): void {
  const places = noBits()
  addPacked(places, packed, shift)
  for (let set = 0; set < sets.length; set++) counts[set] = countCommon(sets[set] as Bits, places)
}
