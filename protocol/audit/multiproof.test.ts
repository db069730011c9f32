import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes } from '#lib/bytes.ts'
import { appendLeaves, emptyTree, HASH_BYTES, leafHash, partialTiles, rootOf, type Tile } from './merkle.ts'
import { proveInclusion } from './merkle-prove.ts'
import { hashRanges, type LeafRange, MultiproofVerification, MultiproofWalk, type ReadTiles } from './multiproof.ts'

function treeOf(size: number) {
  const leaves = Array.from({ length: size }, (_, n) => leafHash(Uint8Array.of(n >>> 16, n >>> 8, n)))
  const { state, fullTiles } = appendLeaves(emptyTree(), leaves)
  const tiles = new Map<string, Tile>()
  for (const tile of [...fullTiles, ...partialTiles(state)]) tiles.set(`${tile.level}/${tile.index}`, tile)
  const readTiles: ReadTiles = async (wanted) =>
    wanted.map(({ level, index }) => tiles.get(`${level}/${index}`)?.bytes ?? new Uint8Array(0))
  return { leaves, root: rootOf(state), readTiles }
}

async function proofOf(chosen: readonly number[], size: number, readTiles: ReadTiles): Promise<Uint8Array> {
  const walk = new MultiproofWalk(size)
  const ranges: LeafRange[] = chosen.flatMap((index) => walk.to(index))
  return hashRanges([...ranges, ...walk.rest()], size, readTiles)
}

async function* pieces(bytes: Uint8Array, length = 50): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

const sample = fc
  .integer({ min: 1, max: 700 })
  .chain((size) => fc.record({ size: fc.constant(size), chosen: fc.uniqueArray(fc.nat(size - 1), { maxLength: 40 }) }))
  .map(({ size, chosen }) => ({ size, chosen: chosen.sort((a, b) => a - b) }))

describe('a multiproof', () => {
  it('leads from any chosen leaves to the root, and from no others', async () => {
    await fc.assert(
      fc.asyncProperty(sample, fc.nat(), async ({ size, chosen }, pick) => {
        const { leaves, root, readTiles } = treeOf(size)
        const proof = await proofOf(chosen, size, readTiles)
        const given = chosen.map((index) => ({ index, leaf: leaves[index] ?? new Uint8Array(0) }))
        const verify = async (some: typeof given, hashes = proof) => {
          const verification = new MultiproofVerification(size, pieces(hashes))
          await verification.take(some)
          return verification.leadsTo(root)
        }
        expect(await verify(given)).toBe(true)
        if (given.length === 0) return
        const at = pick % given.length
        const altered = given.map((one, n) => (n === at ? { ...one, leaf: leafHash(one.leaf) } : one))
        expect(await verify(altered)).toBe(false)
        const without = given.filter((_, n) => n !== at)
        expect(await verify(without).catch(() => false)).toBe(false)
        expect(await verify(given, proof.subarray(0, -1)).catch(() => false)).toBe(proof.length === 0)
        expect(await verify(given, concatBytes(proof, proof.subarray(0, 1), Uint8Array.of(7))).catch(() => false)).toBe(
          false,
        )
      }),
      { numRuns: 120 },
    )
  })

  it('of one leaf has the hashes of its inclusion proof, of all leaves none, of none the root alone', async () => {
    const { root, readTiles } = treeOf(600)
    const all = Array.from({ length: 600 }, (_, n) => n)
    expect(await proofOf(all, 600, readTiles)).toHaveLength(0)
    expect(await proofOf([], 600, readTiles)).toEqual(root)
    const readTile = async (level: number, index: number, width: number) =>
      (await readTiles([{ level, index, width }]))[0] ?? new Uint8Array(0)
    for (const index of [0, 255, 256, 599]) {
      const proof = await proofOf([index], 600, readTiles)
      const hashes = Array.from({ length: proof.length / HASH_BYTES }, (_, n) =>
        proof.slice(n * HASH_BYTES, (n + 1) * HASH_BYTES),
      )
      const inclusion = (await proveInclusion(index, 600, readTile)).map((hash) => new Uint8Array(hash))
      expect(new Set(hashes.map(String))).toEqual(new Set(inclusion.map(String)))
    }
  })

  it('reads each tile once, however many of its leaves are left out', async () => {
    const { readTiles } = treeOf(600)
    let reads = 0
    await proofOf([5, 9, 300], 600, (wanted) => {
      reads += 1
      expect(wanted.map(({ level, index }) => `${level}/${index}`).sort()).toEqual(['0/0', '0/1', '0/2'])
      return readTiles(wanted)
    })
    expect(reads).toBe(1)
  })

  it('walks trees beyond 32 bits', () => {
    const walk = new MultiproofWalk(2 ** 40 + 3)
    expect(walk.to(2 ** 40).reduce((sum, { low, high }) => sum + high - low, 0)).toBe(2 ** 40)
    expect(walk.rest()).toEqual([
      { low: 2 ** 40 + 1, high: 2 ** 40 + 2 },
      { low: 2 ** 40 + 2, high: 2 ** 40 + 3 },
    ])
    expect(() => walk.to(3)).toThrow(RangeError)
  })
})
