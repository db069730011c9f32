import fc from 'fast-check'
import { expect, test } from 'vitest'
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

function collect(built: ReturnType<typeof expected>['built']) {
  const collector = new TermCollector(TENANT)
  built.forEach(({ entry, personal }, place) => {
    collector.add(entry, personal, place)
  })
  const { terms, singles } = collector.collected()
  const pairs: [number, readonly number[]][] = terms.map(({ hash, places }) => [hash, [...places]])
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

test('an entry with more words than the index takes, among others', () => {
  const many = Array.from({ length: 3_000 }, (_, n) => `word${n}`).join(' ')
  const [draft] = fc.sample(drafts, 1)
  if (!draft) throw new Error('no draft')
  const batch = ['few', many, 'few'].map((words) => ({ ...draft, personal: { words, senderId: uuidv7() } }))
  const { built, places } = expected(batch)
  expect(new Map(collect(built))).toEqual(places)
})
