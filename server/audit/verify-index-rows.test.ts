import { describe, expect, it } from 'vitest'
import { BLOCK } from '#lib/postings/bits.ts'
import { packPlaces } from '#lib/postings/places.ts'
import { bucketKey, bucketRows, ownBody, ownKey, type PostingRow, piecesOf } from '#lib/postings/run.ts'
import type { RunHead } from './index/runs.ts'
import { SearchedRows } from './verify-index-rows.ts'

const HASH = 12_345
const BITS = 4

/** What a search comes upon in the rows, by term. */
function searched(run: { at: number; entries: number }, rows: readonly PostingRow[]): Map<number, number[]> {
  const found = new Map<number, number[]>()
  const head: RunHead = { ...run, revision: '', bits: BITS, whole: true, gone: false, recordedFrom: 0, recordedTo: 0 }
  const each = new SearchedRows(head, (hash, places) => found.set(hash, [...(found.get(hash) ?? []), ...places]))
  for (const row of rows.toSorted((a, b) => a.key - b.key || a.piece - b.piece)) each.add(row)
  each.end()
  return found
}

const packed = (...places: number[]) => packPlaces(places, BLOCK)
const own = (piece: number, ...places: number[]): PostingRow => ({
  key: ownKey(HASH),
  piece,
  body: ownBody(packed(...places)),
})
const bucket = (...places: number[]) => bucketRows([{ hash: HASH, packed: packed(...places) }], BITS)

const SMALL = { at: 100, entries: 50 }
const LARGE = { at: 0, entries: 4 * BLOCK }

describe('what stands in the rows of a run', () => {
  it('is told as it was written', () => {
    expect(searched(SMALL, [own(0, 3, 7)])).toEqual(new Map([[HASH, [3, 7]]]))
    expect(searched(SMALL, bucket(3, 7))).toEqual(new Map([[HASH, [3, 7]]]))
    const parts = [0, 2, 3].map((block) => ({
      block,
      packed: packed(...Array.from({ length: 3_000 }, (_, n) => 2 * n)),
    }))
    const places = parts.flatMap(({ block }) => Array.from({ length: 3_000 }, (_, n) => block * BLOCK + 2 * n))
    const pieces = piecesOf(ownKey(HASH), parts)
    expect(pieces.length).toBeGreaterThan(1)
    expect(searched(LARGE, pieces)).toEqual(new Map([[HASH, places]]))
  })

  it.each<[string, { at: number; entries: number }, PostingRow[], number[]]>([
    ['a piece of a block that the run does not have', SMALL, [own(1, 3)], []],
    ['a piece behind the one that is taken', SMALL, [own(-1, 3), own(0, 7)], [7]],
    ['places in the piece of another block', LARGE, [own(0, 3, BLOCK + 3), own(1)], [3]],
    ['places before their piece', LARGE, [own(2, 3), own(3, 4)], [2 * BLOCK + 3, 3 * BLOCK + 4]],
    ['a bucket beside rows of its own', SMALL, [own(0), ...bucket(3)], []],
    ['a term twice under a key', SMALL, [...bucket(3), { ...(bucket()[0] as PostingRow), piece: 1 }], []],
    ['another bucket', SMALL, bucket(3).map((row) => ({ ...row, key: bucketKey(HASH, BITS) + 1 })), []],
    ['a bucket of a run that reaches into the next block', { at: BLOCK - 10, entries: 50 }, bucket(3, 17), [3]],
  ])('but where no search looks it is not: %s', (_, run, rows, places) => {
    expect(searched(run, rows).get(HASH) ?? []).toEqual(places)
  })
})
