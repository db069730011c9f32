import fc from 'fast-check'
import { expect, test } from 'vitest'
import { placesIn } from '#lib/postings/places.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { buildEntry, type EntryDraft } from './entry.ts'
import { TermCollector } from './term-collector.ts'
import { hashTerm, termsOf } from './terms.ts'
import { drafts } from './testing-arbitraries.ts'

const TENANT = uuidv7()

/** As every entry's own list of terms says. */
function expected(batch: readonly EntryDraft[]) {
  const places = new Map<number, number[]>()
  const built = batch.map(buildEntry)
  built.forEach(({ entry, personal }, place) => {
    for (const term of termsOf(entry, personal)) {
      const hash = hashTerm(TENANT, term)
      places.set(hash, [...(places.get(hash) ?? []), place])
    }
  })
  return { built, places }
}

type Built = ReturnType<typeof expected>['built']

function collect(built: Built) {
  const collector = new TermCollector(TENANT)
  built.forEach(({ entry, personal }, place) => {
    collector.add(entry, personal, place)
  })
  return pairsOf(collector)
}

function pairsOf(collector: TermCollector) {
  const { terms, singles } = collector.collected()
  const pairs: [number, readonly number[]][] = terms.map(({ hash, stretches }) => [hash, placesIn(stretches)])
  singles.hashes.forEach((hash, n) => {
    pairs.push([hash, singles.places.slice(n, n + 1)])
  })
  return pairs
}

test('of a batch, every term once with all its places', () => {
  const senderId = fc.oneof(fc.uuid(), fc.constantFrom(uuidv7(), uuidv7()), fc.constant('receipt 7'))
  const batches = fc.array(fc.tuple(drafts, senderId), { maxLength: 12 })
  fc.assert(
    fc.property(batches, (pairs) => {
      const batch = pairs.map(([draft, id]) => ({ ...draft, personal: { ...draft.personal, senderId: id } }))
      const { built, places } = expected(batch)
      const collected = collect(built)
      expect(collected.length).toBe(places.size)
      expect(new Map(collected)).toEqual(places)
    }),
    { numRuns: 300 },
  )
})

test('of two batches that are collected by turns, what each of them has', () => {
  const batches = fc.array(drafts, { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(batches, ([first, ...rest]) => {
      // The same in both, so that they share every term.
      const { built, places } = expected(first ? [first, ...rest, first] : [])
      const collectors = [new TermCollector(TENANT), new TermCollector(TENANT)]
      for (const [place, { entry, personal }] of built.entries())
        for (const collector of collectors) collector.add(entry, personal, place)
      for (const collector of collectors) {
        const collected = pairsOf(collector)
        expect(collected.length).toBe(places.size)
        expect(new Map(collected)).toEqual(places)
      }
    }),
    { numRuns: 100 },
  )
})

test('an entry with more words than the index takes, among others', () => {
  const many = Array.from({ length: 3_000 }, (_, n) => `word${n}`).join(' ')
  const [draft] = fc.sample(drafts, 1)
  if (!draft) throw new Error('no draft')
  const batch = ['few', many, 'few'].map((words) => ({ ...draft, personal: { words, senderId: uuidv7() } }))
  const { built, places } = expected(batch)
  expect(new Map(collect(built))).toEqual(places)
})
