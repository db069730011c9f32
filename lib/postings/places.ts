import { addPlace, addRange, type Bits, BLOCK } from './bits.ts'
import { numberBytes, writeNumber } from './bytes-io.ts'

/** How places are written: each by its distance from the last, stretches without a gap, or a bit a place (one block at most). */
export type Packing = 0 | 1 | 2
export const SPARSE = 0
const STRETCHES = 1
const BITMAP = 2

/** No run is as long: a place from here on was never written, and a stretch as long would take all memory. */
const MOST_PLACES = 64 * BLOCK

/** Ascending places. */
export type Places = readonly number[] | Int32Array

/** Ascending places as stretches without a gap between them: where one begins, where it ends (excluded), where the next begins, and so on. */
export type Stretches = readonly number[] | Int32Array

/** Ascending places, packed. */
export type Packed = { packing: Packing; body: Uint8Array }

/** Ascending places as stretches, as few as they are. */
export function stretchesOf(places: Places): number[] {
  const stretches: number[] = []
  for (let n = 0; n < places.length; n++) {
    const place = places[n] as number
    if (stretches.at(-1) === place) stretches[stretches.length - 1] = place + 1
    else stretches.push(place, place + 1)
  }
  return stretches
}

/** The places of stretches. */
export function placesIn(stretches: Stretches): number[] {
  const places: number[] = []
  for (let n = 0; n < stretches.length; n += 2) {
    const to = stretches[n + 1] as number
    for (let place = stretches[n] as number; place < to; place++) places.push(place)
  }
  return places
}

/** Packs ascending places below `span` in the smallest of the three forms. */
export function packPlaces(places: Places, span: number): Packed {
  return packStretches(stretchesOf(places), span)
}

/** The same of stretches. */
export function packStretches(stretches: Stretches, span: number): Packed {
  let sparseBytes = 0
  let stretchBytes = 0
  let last = 0
  for (let n = 0; n < stretches.length; n += 2) {
    const from = stretches[n] as number
    const to = stretches[n + 1] as number
    const gap = numberBytes(from - last)
    // Each place after the first of a stretch is a distance of nothing.
    sparseBytes += gap + to - from - 1
    stretchBytes += gap + numberBytes(to - from - 1)
    last = to
  }
  const bitmapBytes = span <= BLOCK ? Math.ceil(span / 8) : Number.POSITIVE_INFINITY
  if (stretchBytes < sparseBytes && stretchBytes <= bitmapBytes)
    return { packing: STRETCHES, body: writeStretches(stretches, stretchBytes) }
  if (sparseBytes <= bitmapBytes) return { packing: SPARSE, body: writeSparse(stretches, sparseBytes) }
  return { packing: BITMAP, body: writeBitmap(stretches, span) }
}

// How many bytes it becomes is known: nothing has to grow, and nothing is copied.

function writeSparse(stretches: Stretches, bytes: number): Uint8Array {
  const body = new Uint8Array(bytes)
  let at = 0
  let last = 0
  for (let n = 0; n < stretches.length; n += 2) {
    const from = stretches[n] as number
    const to = stretches[n + 1] as number
    at = writeNumber(body, at, from - last) + to - from - 1
    last = to
  }
  return body
}

function writeStretches(stretches: Stretches, bytes: number): Uint8Array {
  const body = new Uint8Array(bytes)
  let at = 0
  let last = 0
  for (let n = 0; n < stretches.length; n += 2) {
    const from = stretches[n] as number
    const to = stretches[n + 1] as number
    at = writeNumber(body, at, from - last)
    at = writeNumber(body, at, to - from - 1)
    last = to
  }
  return body
}

function writeBitmap(stretches: Stretches, span: number): Uint8Array {
  const body = new Uint8Array(Math.ceil(span / 8))
  for (let n = 0; n < stretches.length; n += 2) {
    const to = stretches[n + 1] as number
    for (let place = stretches[n] as number; place < to; place++)
      body[place >>> 3] = (body[place >>> 3] as number) | (1 << (place & 7))
  }
  return body
}

/** Calls `take` with each stretch, `from` included and `to` excluded, in order. */
export function eachStretch({ packing, body }: Packed, take: (from: number, to: number) => void): void {
  scanStretches(packing, body, 0, body.length, take)
}

/**
 * The same of what is packed in `bytes` from `begin` to `end` (excluded). What is packed by its places comes place by place.
 * @throws RangeError on bytes that nobody packed, once it comes to them
 */
export function scanStretches(
  packing: Packing,
  bytes: Uint8Array,
  begin: number,
  end: number,
  take: (from: number, to: number) => void,
): void {
  if (packing === BITMAP) {
    for (let n = begin; n < end; n++) {
      const byte = bytes[n] as number
      const place = 8 * (n - begin)
      for (let bit = 0; byte >> bit !== 0; bit++) if ((byte >> bit) & 1) take(place + bit, place + bit + 1)
    }
    return
  }
  // Read without a call for each number: this is most of what joining runs takes.
  let last = 0
  for (let at = begin; at < end; ) {
    let byte = bytes[at++] as number
    let gap = byte & 0x7f
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      if (at === end) throw tooEarly()
      byte = bytes[at++] as number
      gap += (byte & 0x7f) * scale
    }
    let more = 0
    if (packing === STRETCHES) {
      if (at === end) throw tooEarly()
      byte = bytes[at++] as number
      more = byte & 0x7f
      for (let scale = 128; byte >= 0x80; scale *= 128) {
        if (at === end) throw tooEarly()
        byte = bytes[at++] as number
        more += (byte & 0x7f) * scale
      }
    }
    const from = last + gap
    last = from + more + 1
    // Also where too many bytes of a number made it none.
    if (!(last <= MOST_PLACES)) throw tooFar()
    take(from, last)
  }
}

function tooEarly(): RangeError {
  return new RangeError('postings end too early')
}

function tooFar(): RangeError {
  return new RangeError('postings stand where no entry is')
}

/** What may be packed of one block ends where that does. @throws RangeError */
export function requireInBlock(to: number): void {
  if (to > BLOCK) throw tooFar()
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
      if (n === body.length) throw tooEarly()
      byte = body[n++] as number
      gap += (byte & 0x7f) * scale
    }
    const place = next + gap
    if (!(place < BLOCK)) {
      if (place >= BLOCK) return
      throw tooFar()
    }
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
