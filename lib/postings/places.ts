import { addPlace, addRange, type Bits, BLOCK } from './bits.ts'
import { ByteReader, numberBytes, writeNumber } from './bytes-io.ts'

/** How places are written: each by its distance from the last, stretches without a gap, or a bit a place (one block at most). */
export type Packing = 0 | 1 | 2
export const SPARSE = 0
const STRETCHES = 1
const BITMAP = 2

/** Ascending places. */
export type Places = readonly number[] | Int32Array

/** Ascending places, packed. */
export type Packed = { packing: Packing; body: Uint8Array }

/** Packs ascending places below `span` in the smallest of the three forms. */
export function packPlaces(places: Places, span: number): Packed {
  let sparse = 0
  let stretches = 0
  let last = -1
  let begun = -1
  let lastEnd = 0
  for (let n = 0; n < places.length; n++) {
    const place = places[n] as number
    sparse += numberBytes(place - last - 1)
    if (place !== last + 1 || begun < 0) {
      if (begun >= 0) stretches += numberBytes(last - begun)
      stretches += numberBytes(place - lastEnd)
      begun = place
    }
    last = place
    lastEnd = place + 1
  }
  if (begun >= 0) stretches += numberBytes(last - begun)
  const bitmap = span <= BLOCK ? Math.ceil(span / 8) : Number.POSITIVE_INFINITY
  if (stretches < sparse && stretches <= bitmap) return { packing: STRETCHES, body: packStretches(places, stretches) }
  if (sparse <= bitmap) return { packing: SPARSE, body: packSparse(places, sparse) }
  return { packing: BITMAP, body: packBitmap(places, span) }
}

// How many bytes it becomes is known: nothing has to grow, and nothing is copied.

function packSparse(places: Places, bytes: number): Uint8Array {
  const body = new Uint8Array(bytes)
  let at = 0
  let last = -1
  for (let n = 0; n < places.length; n++) {
    const place = places[n] as number
    at = writeNumber(body, at, place - last - 1)
    last = place
  }
  return body
}

function packStretches(places: Places, bytes: number): Uint8Array {
  const body = new Uint8Array(bytes)
  let at = 0
  let end = 0
  for (let n = 0; n < places.length; ) {
    const from = places[n] as number
    let to = from
    while (places[n + 1] === to + 1) {
      to++
      n++
    }
    n++
    at = writeNumber(body, at, from - end)
    at = writeNumber(body, at, to - from)
    end = to + 1
  }
  return body
}

function packBitmap(places: Places, span: number): Uint8Array {
  const body = new Uint8Array(Math.ceil(span / 8))
  for (let n = 0; n < places.length; n++) {
    const place = places[n] as number
    body[place >>> 3] = (body[place >>> 3] as number) | (1 << (place & 7))
  }
  return body
}

/** Calls `take` with each stretch, `from` included and `to` excluded, in order. */
export function eachStretch({ packing, body }: Packed, take: (from: number, to: number) => void): void {
  if (packing === BITMAP) {
    for (let n = 0; n < body.length; n++) {
      const byte = body[n] as number
      for (let bit = 0; byte >> bit !== 0; bit++) if ((byte >> bit) & 1) take(8 * n + bit, 8 * n + bit + 1)
    }
    return
  }
  const reader = new ByteReader(body)
  let at = 0
  while (!reader.isDone) {
    const from = at + reader.number()
    const to = from + (packing === STRETCHES ? reader.number() : 0) + 1
    take(from, to)
    at = to
  }
}

/** Calls `take` with each place, in order, of what is packed in `bytes` from `from` to `to` (excluded). */
export function eachPlace(
  packing: Packing,
  bytes: Uint8Array,
  from: number,
  to: number,
  take: (place: number) => void,
): void {
  if (packing !== SPARSE) {
    eachStretch({ packing, body: bytes.subarray(from, to) }, (begin, end) => {
      for (let place = begin; place < end; place++) take(place)
    })
    return
  }
  let next = 0
  for (let at = from; at < to; ) {
    let byte = bytes[at++] as number
    let gap = byte & 0x7f
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      if (at === to) throw new RangeError('postings end too early')
      byte = bytes[at++] as number
      gap += (byte & 0x7f) * scale
    }
    take(next + gap)
    next += gap + 1
  }
}

/** The places, `shift` further on each. */
export function unpackPlaces(packed: Packed, shift = 0): number[] {
  const places: number[] = []
  eachStretch(packed, (from, to) => {
    for (let place = from; place < to; place++) places.push(place + shift)
  })
  return places
}

/** Adds to one block's set what is packed, where place 0 of the packed stands at `shift` in the block (negative: before it). */
export function addPacked(bits: Bits, packed: Packed, shift: number): void {
  if (packed.packing === BITMAP && shift === 0) {
    addBitmap(bits, packed.body)
    return
  }
  if (packed.packing === SPARSE) {
    addSparse(bits, packed.body, shift)
    return
  }
  eachStretch(packed, (from, to) => {
    const begin = Math.max(0, from + shift)
    const end = Math.min(BLOCK, to + shift)
    if (end - begin === 1) addPlace(bits, begin)
    else if (end > begin) addRange(bits, begin, end)
  })
}

/** The most frequent packing: read without a call for each place. */
function addSparse(bits: Bits, body: Uint8Array, shift: number): void {
  let next = shift
  for (let n = 0; n < body.length; ) {
    let byte = body[n++] as number
    let gap = byte & 0x7f
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      if (n === body.length) throw new RangeError('postings end too early')
      byte = body[n++] as number
      gap += (byte & 0x7f) * scale
    }
    const place = next + gap
    if (place >= BLOCK) return
    if (place >= 0) bits[place >>> 5] = (bits[place >>> 5] as number) | (1 << (place & 31))
    next = place + 1
  }
}

function addBitmap(bits: Bits, body: Uint8Array): void {
  const words = body.length >>> 2
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  for (let n = 0; n < words; n++) bits[n] = (bits[n] as number) | view.getUint32(4 * n, true)
  for (let n = 4 * words; n < body.length; n++) {
    bits[n >>> 2] = ((bits[n >>> 2] as number) | ((body[n] as number) << (8 * (n & 3)))) >>> 0
  }
}
