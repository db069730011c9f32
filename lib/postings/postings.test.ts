import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addRange,
  BLOCK,
  countBits,
  countCommon,
  countRange,
  intersect,
  noBits,
  placesOf,
  subtract,
  takePlaces,
  unite,
} from './bits.ts'
import { ByteReader } from './bytes-io.ts'
import { cutRun, MERGE_SHARES, mergeBlocks, mergedBits, mergeInBlock } from './merge.ts'
import { addPacked, eachStretch, type Packing, packPlaces, placesIn, stretchesOf, unpackPlaces } from './places.ts'
import { bucketKey, buildRun, eachInBucket, ownKey, type PostingRow, type Run, readBucket, readOwn } from './run.ts'
import { addHours, addTimes, countHours, eachHour, packTimes, unpackTimes } from './times.ts'

const place = fc.integer({ min: 0, max: BLOCK - 1 })
/** Single places, stretches, and nearly everything. */
const places = fc
  .oneof(
    fc.array(place, { maxLength: 60 }),
    fc
      .array(fc.tuple(place, fc.integer({ min: 1, max: 3_000 })), { maxLength: 8 })
      .map((stretches) =>
        stretches.flatMap(([from, length]) => Array.from({ length }, (_, n) => Math.min(BLOCK - 1, from + n))),
      ),
    fc.integer({ min: 2, max: 9 }).map((step) => Array.from({ length: Math.floor(BLOCK / step) }, (_, n) => n * step)),
  )
  .map((list) => [...new Set(list)].sort((a, b) => a - b))

function bitsOf(list: readonly number[]) {
  const bits = noBits()
  for (const one of list) addRange(bits, one, one + 1)
  return bits
}

describe('sets of places', () => {
  it('agree with sets of numbers', () => {
    fc.assert(
      fc.property(places, places, place, place, (a, b, from, to) => {
        const [left, right] = [new Set(a), new Set(b)]
        expect(placesOf(bitsOf(a))).toEqual(a)
        expect(countBits(bitsOf(a))).toBe(a.length)
        expect(countCommon(bitsOf(a), bitsOf(b))).toBe(a.filter((one) => right.has(one)).length)
        expect(countRange(bitsOf(a), from, to)).toBe(a.filter((one) => one >= from && one < to).length)
        const change = (how: typeof unite) => {
          const bits = bitsOf(a)
          how(bits, bitsOf(b))
          return placesOf(bits)
        }
        expect(change(intersect)).toEqual(a.filter((one) => right.has(one)))
        expect(change(unite)).toEqual([...new Set([...a, ...b])].sort((x, y) => x - y))
        expect(change(subtract)).toEqual(a.filter((one) => !right.has(one)))
        expect(left.size).toBe(a.length)
      }),
      { numRuns: 60 },
    )
  })

  it('are taken from either end, so many at a time', () => {
    fc.assert(
      fc.property(places, fc.integer({ min: 1, max: 300 }), fc.constantFrom('first', 'last'), (list, most, end) => {
        const bits = bitsOf(list)
        const taken = [...takePlaces(bits, most, end), ...takePlaces(bits, most, end)]
        const inOrder = end === 'first' ? list : list.toReversed()
        expect(taken).toEqual(inOrder.slice(0, 2 * most))
        expect(placesOf(bits)).toEqual(inOrder.slice(2 * most).sort((a, b) => a - b))
      }),
      { numRuns: 60 },
    )
  })

  it('of a longer run are cut at the block', () => {
    fc.assert(
      fc.property(places, fc.integer({ min: -BLOCK, max: BLOCK }), (list, shift) => {
        const bits = noBits()
        addPacked(bits, packPlaces(list, Number.POSITIVE_INFINITY), shift)
        expect(placesOf(bits)).toEqual(list.map((one) => one + shift).filter((one) => one >= 0 && one < BLOCK))
      }),
      { numRuns: 60 },
    )
  })

  it('come back as they were packed, in no more bytes than a bit a place', () => {
    fc.assert(
      fc.property(places, (list) => {
        const packed = packPlaces(list, BLOCK)
        expect(unpackPlaces(packed)).toEqual(list)
        expect(placesIn(stretchesOf(list))).toEqual(list)
        expect(packed.body.length).toBeLessThanOrEqual(BLOCK / 8)
        const bits = noBits()
        addPacked(bits, packed, 0)
        expect(placesOf(bits)).toEqual(list)
      }),
      { numRuns: 60 },
    )
  })
})

const hash = fc.integer({ min: 0, max: 2 ** 52 - 1 })
const terms = fc.uniqueArray(fc.record({ hash, places }), { maxLength: 30, selector: (term) => term.hash })

/** The run of terms with their places. */
function runOf(list: readonly { hash: number; places: readonly number[] }[], span: number): Run {
  return buildRun(
    list.map(({ hash, places }) => ({ hash, stretches: stretchesOf(places) })),
    span,
  )
}

/** Terms that stand somewhere, as `runOf` takes them. */
function listOf(terms: ReadonlyMap<number, ReadonlySet<number>>) {
  return [...terms]
    .filter(([, set]) => set.size > 0)
    .map(([hash, set]) => ({ hash, places: [...set].sort((a, b) => a - b) }))
}

/** The bytes of each term and where they stand; in a bucket terms come in any order. */
function termsIn({ bits, rows }: Run): string[] {
  const terms = rows.flatMap(({ key, body }) => {
    if (key < 0) return [`${key} ${Buffer.from(body).toString('hex')}`]
    const inBucket: string[] = []
    eachInBucket(body, (term, packed) =>
      inBucket.push(`${key} ${term} ${packed.packing} ${Buffer.from(packed.body).toString('hex')}`),
    )
    return inBucket
  })
  return [`${bits}`, ...terms.sort()]
}

/** Looks a term up in a run of one block, or in the pieces of a larger one. */
function lookUp({ bits, rows }: Run, term: number, block = 0): number[] {
  const found = noBits()
  const bucket = rows.find(({ key }) => key === bucketKey(term, bits))
  const inBucket = bucket && readBucket(bucket.body, term)
  if (inBucket) addPacked(found, inBucket, -block * BLOCK)
  const own = rows.filter(({ key, piece }) => key === ownKey(term) && piece <= block).sort((a, b) => a.piece - b.piece)
  const piece = own.at(-1)
  if (piece) addPacked(found, readOwn(piece.body), (piece.piece - block) * BLOCK)
  return placesOf(found)
}

describe('a run', () => {
  it('holds every term, wherever it stands', () => {
    fc.assert(
      fc.property(terms, (list) => {
        const run = runOf(list, BLOCK)
        for (const term of list) expect(lookUp(run, term.hash)).toEqual(term.places)
        expect(lookUp(run, 4_711)).toEqual(list.find((term) => term.hash === 4_711)?.places ?? [])
      }),
      { numRuns: 25 },
    )
  })

  it('holds terms of one place as it does any others, byte for byte', () => {
    const places = fc.array(fc.nat(BLOCK - 1), { maxLength: 80 })
    fc.assert(
      fc.property(places, fc.constantFrom(BLOCK, 5), (at, span) => {
        const list = at.map((place, n) => ({ hash: (n * 2_654_435_761_123) % 2 ** 52, places: [place % span] }))
        const singles = { hashes: list.map(({ hash }) => hash), places: list.map((term) => term.places[0] ?? 0) }
        expect(buildRun([], span, singles)).toEqual(runOf(list, span))
      }),
    )
  })

  it('with many rare terms has buckets of a few kilobytes', () => {
    const rare = Array.from({ length: 20_000 }, (_, n) => ({
      hash: (n * 2_654_435_761_123) % 2 ** 52,
      places: [n % BLOCK],
    }))
    const run = runOf(rare, BLOCK)
    expect(run.bits).toBe(8)
    for (const { body } of run.rows) expect(body.length).toBeLessThan(8_000)
    for (const term of rare.slice(0, 200)) expect(lookUp(run, term.hash)).toEqual(term.places)
  })

  it('is the same whether built at once or merged from parts', () => {
    const list = Array.from({ length: 300 }, (_, n) => ({
      hash: 1_000_003 * (n + 1),
      places: Array.from({ length: 1 + ((n * n) % 900) }, (_, k) => (k * 31 + n) % 30_000).sort((a, b) => a - b),
    })).map((term) => ({ ...term, places: [...new Set(term.places)] }))
    const cuts = [0, 10, 11, 9_000, 30_000]
    const parts = cuts.slice(0, -1).map((from, n) => {
      const to = cuts[n + 1] ?? from
      const within = list
        .map((term) => ({
          hash: term.hash,
          places: term.places.filter((at) => at >= from && at < to).map((at) => at - from),
        }))
        .filter((term) => term.places.length > 0)
      return { offset: from, ...runOf(within, to - from) }
    })
    const merged = mergeInBlock(parts.toReversed(), 30_000)
    for (const term of list) expect(lookUp(merged, term.hash)).toEqual(term.places)
    for (const [n, part] of parts.entries()) {
      const cut = cutRun(merged.rows, part.offset, cuts[n + 1] ?? 0)
      for (const { hash } of list) expect(lookUp(cut, hash)).toEqual(lookUp(part, hash))
    }
  })

  it('merged of any parts has the bytes of one that was built at once, and cut again those of its parts', () => {
    const spans = fc.array(fc.constantFrom(1, 2, 9, 100, 3_000), { minLength: 1, maxLength: 6 })
    const few = fc.array(fc.tuple(fc.nat(20), places), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(spans, few, (lengths, found) => {
        const whole = new Map<number, Set<number>>()
        const parts = lengths.map((span, n) => {
          const offset = lengths.slice(0, n).reduce((sum, length) => sum + length, 0)
          const own = new Map<number, Set<number>>()
          for (const [hash, list] of found)
            own.set(hash, new Set(list.filter((_, k) => k % (n + 1) === 0).map((at) => at % span)))
          for (const [hash, set] of own)
            whole.set(hash, new Set([...(whole.get(hash) ?? []), ...[...set].map((at) => at + offset)]))
          return { offset, span, ...runOf(listOf(own), span) }
        })
        const span = lengths.reduce((sum, length) => sum + length, 0)
        const merged = mergeInBlock(parts.toReversed(), span)
        expect(termsIn(merged)).toEqual(termsIn(runOf(listOf(whole), span)))
        for (const part of parts)
          expect(termsIn(cutRun(merged.rows, part.offset, part.offset + part.span))).toEqual(termsIn(part))
      }),
      { numRuns: 60 },
    )
  })

  it('of more terms than there was room for at first, many of one beginning', () => {
    // Hashes whose last 32 bits are few compete for the same slots of a table.
    const hashes = Array.from({ length: 10_000 }, (_, n) => Math.floor(n / 50) * 2 ** 34 + (n % 50))
    const parts = [0, 1, 2].map((part) => ({
      offset: 1_000 * part,
      rows: runOf(
        hashes.filter((_, n) => n % 3 >= part).map((hash, n) => ({ hash, places: [n % 1_000] })),
        1_000,
      ).rows,
    }))
    const merged = mergeInBlock(parts, 3_000)
    const expected = new Map<number, number[]>()
    for (const { offset, rows } of parts)
      for (const { body } of rows)
        eachInBucket(body, (hash, packed) =>
          expected.set(hash, [...(expected.get(hash) ?? []), ...unpackPlaces(packed, offset)]),
        )
    expect(expected.size).toBe(10_000)
    const found = new Map<number, number[]>()
    for (const { body } of merged.rows) eachInBucket(body, (hash, packed) => found.set(hash, unpackPlaces(packed)))
    expect(found).toEqual(expected)
  })

  it('of several blocks finds in each what that block had', () => {
    const blocks = Array.from({ length: 4 }, (_, block) =>
      Array.from({ length: 400 }, (_, n) => ({
        hash: Math.floor(((n + 1) * 2 ** 52) / 401),
        places: Array.from({ length: n % 7 === 0 ? 9_000 : (n * (block + 1)) % 40 }, (_, k) => k * 3 + block),
      })).filter((term) => term.places.length > 0),
    )
    // Alone in one block, a bucket in another and rows of its own in a third.
    ;[1, 9_000, 3, 1].forEach((count, block) => {
      blocks[(block + 1) % 4]?.push({ hash: 4_711, places: Array.from({ length: count }, (_, k) => 2 * k + 5) })
    })
    const runs = blocks.map((list) => runOf(list, BLOCK))
    const parts = runs.map(({ rows }, n) => ({ offset: n * BLOCK, rows }))
    const bits = mergedBits(40_000)
    const rows: PostingRow[] = []
    for (let share = 0; share < MERGE_SHARES; share++) rows.push(...mergeBlocks(parts, { share, bits }))
    blocks.forEach((list, block) => {
      for (const term of list) expect(lookUp({ bits, rows }, term.hash, block)).toEqual(term.places)
    })
    const known = new Set(blocks.flatMap((list) => list.map((term) => term.hash)))
    expect(rows.every(({ key }) => key >= 0 || known.has(-1 - key))).toBe(true)
  })
})

describe('bytes that nobody packed', () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(fc.constantFrom(0xff, 0x80, 0x7f, 0, 1), { maxLength: 120 }).map((bytes) => Uint8Array.from(bytes)),
  )
  const packing = fc.constantFrom<number>(0, 1, 2, 3, 15)

  /** What it answers; a RangeError is an answer, too. */
  function orRangeError<T>(read: () => T): T | null {
    try {
      return read()
    } catch (error) {
      if (error instanceof RangeError && error.message.startsWith('postings')) return null
      throw error
    }
  }

  it('are an error, or stretches in their order', () => {
    fc.assert(
      fc.property(packing, body, (packing, body) => {
        let last = 0
        orRangeError(() =>
          eachStretch({ packing: packing as Packing, body }, (from, to) => {
            expect(from).toBeGreaterThanOrEqual(last)
            expect(to).toBeGreaterThan(from)
            last = to
          }),
        )
        expect(Number.isSafeInteger(last)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
    const endless = { packing: 1 as const, body: Uint8Array.of(0, ...Array(7).fill(0xff), 0x0f) }
    expect(() => unpackPlaces(endless)).toThrow('postings stand where no entry is')
  })

  it('put no place into another block when runs are merged', () => {
    fc.assert(
      fc.property(packing, body, fc.boolean(), (packing, body, isOwn) => {
        const own = { key: ownKey(17), piece: 0, body: Uint8Array.of(packing, ...body) }
        const bucket = { key: 1, piece: 0, body: Uint8Array.of(0, 0, 0, 0, 0, 1, 16 + packing, body.length, ...body) }
        const row = isOwn ? own : bucket
        const inBlock = orRangeError(() => mergeInBlock([{ offset: 100, rows: [row] }], 3_000))
        if (inBlock) expect(lookUp(inBlock, 17).every((at) => at >= 100 && at < 3_000)).toBe(true)
        const next = { offset: BLOCK, rows: runOf([{ hash: 17, places: [5] }], BLOCK).rows }
        const rows = orRangeError(() => mergeBlocks([{ offset: 0, rows: [row] }, next], { share: 0, bits: 4 }))
        if (rows) expect(lookUp({ bits: 4, rows }, 17, 1)).toEqual([5])
      }),
      { numRuns: 500 },
    )
  })

  it('in a bucket are an error where they end too early, also for whoever looks up one term', () => {
    const cut = Uint8Array.of(0, 0, 0, 0, 0, 1, 16, 3, 1)
    expect(() => readBucket(cut, 17)).toThrow(RangeError)
    expect(() => readBucket(cut, 18)).toThrow(RangeError)
    expect(() => eachInBucket(cut, () => {})).toThrow(RangeError)
  })

  it('are no number without an end', () => {
    const tooLong = Uint8Array.from([...Array(200).fill(0x80), 0])
    expect(() => new ByteReader(tooLong).number()).toThrow(RangeError)
    expect(() => eachHour(Uint8Array.of(0, 1, 0, ...tooLong), () => {})).toThrow(RangeError)
    const bits = noBits()
    expect(() => addPacked(bits, { packing: 0, body: tooLong }, 0)).toThrow(RangeError)
  })
})

describe('times', () => {
  const time = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 })
  const near = fc.integer({ min: 1_790_000_000_000, max: 1_790_000_000_000 + 40 * 86_400_000 })

  it('come back exactly, and by the hour', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 9, arbitrary: near }, { weight: 1, arbitrary: time }), {
          minLength: 1,
          maxLength: 200,
        }),
        near,
        near,
        (list, from, to) => {
          const packed = packTimes(list)
          expect([...unpackTimes(packed.exact, { from: packed.from, entries: list.length })]).toEqual(list)
          const hours = new Map<number, number>()
          eachHour(packed.hours, (hour, { packing, body }) => hours.set(hour, unpackPlaces({ packing, body }).length))
          const counted = new Map<number, number>()
          for (const one of list)
            counted.set(Math.floor(one / 3_600_000), (counted.get(Math.floor(one / 3_600_000)) ?? 0) + 1)
          expect(hours).toEqual(counted)
          const all = noBits()
          addRange(all, 5, 5 + list.length)
          const last = noBits()
          addRange(last, 4 + list.length, 5 + list.length)
          const again = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()]
          countHours([all, noBits(), last], packed.hours, 5, (hour, set, count) => again[set]?.set(hour, count))
          expect(again).toEqual([counted, new Map(), new Map([[Math.floor((list.at(-1) ?? 0) / 3_600_000), 1]])])
          const exact = noBits()
          addTimes(exact, unpackTimes(packed.exact, { from: packed.from, entries: list.length }), { from, to }, 0)
          const right = list.flatMap((one, n) => (one >= from && one < to ? [n] : []))
          expect(placesOf(exact)).toEqual(right)
          const sure = noBits()
          const isCut = addHours(sure, packed.hours, { from, to }, 0)
          expect(placesOf(sure).every((one) => right.includes(one))).toBe(true)
          if (!isCut) expect(placesOf(sure)).toEqual(right)
        },
      ),
      { numRuns: 60 },
    )
  })
})
