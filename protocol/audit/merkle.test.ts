import { existsSync, globSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64Decode, base64Encode, base64urlEncode, hexEncode, utf8Encode } from '#lib/bytes.ts'
import {
  appendLeaves,
  EMPTY_ROOT,
  emptyTree,
  HASH_BYTES,
  leafHash,
  nodeHash,
  partialTiles,
  rootOf,
  TILE_WIDTH,
  type Tile,
  type TreeState,
} from './merkle.ts'
import { proveConsistency, proveInclusion, rootFromTiles, tileRoot } from './merkle-prove.ts'
import {
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './merkle-verify.ts'
import { sha256, sha256Base64url, sha256InScript } from './sha256.ts'
import { decodeTreeState, encodeTreeState } from './tree-state.ts'

const MAX_LEAVES = 70_000
const LEAVES = Array.from({ length: MAX_LEAVES }, (_, i) => leafHash(utf8Encode(`entry ${i}`)))

/** RFC 6962 section 2.1 word for word, as the authority for small trees. */
function recursiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves
  if (only === undefined) return EMPTY_ROOT
  if (leaves.length === 1) return only
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(recursiveRoot(leaves.slice(0, split)), recursiveRoot(leaves.slice(split)))
}

function grow(size: number, steps: readonly number[] = [size]): { state: TreeState; tiles: Map<string, Tile> } {
  let state = emptyTree()
  const tiles = new Map<string, Tile>()
  const add = (tile: Tile) => {
    const key = `${tile.level}/${tile.index}`
    expect(tiles.has(key)).toBe(false)
    tiles.set(key, tile)
  }
  for (let step = 0; state.size < size; step++) {
    const take = Math.max(1, steps[step % steps.length] ?? 1)
    const grown = appendLeaves(state, LEAVES.slice(state.size, Math.min(size, state.size + take)))
    grown.fullTiles.forEach(add)
    state = decodeTreeState(encodeTreeState(grown.state))
  }
  return { state, tiles }
}

function reader(size: number): (level: number, index: number, width: number) => Uint8Array {
  const { state, tiles } = grow(size)
  for (const tile of partialTiles(state)) tiles.set(`${tile.level}/${tile.index}`, tile)
  return (level, index, width) => {
    const tile = tiles.get(`${level}/${index}`)
    if (tile === undefined) throw new Error(`no tile ${level}/${index}`)
    expect(tile.width).toBeGreaterThanOrEqual(width)
    return tile.bytes.subarray(0, width * HASH_BYTES)
  }
}

const WHOLE = 66_049 // one tile at level 2 begins
const readWhole = reader(WHOLE)

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  const at = Math.floor(bit / 8) % copy.length
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit % 8))
  return copy
}

describe('sha256', () => {
  test('the script and the platform agree', () => {
    expect(hexEncode(sha256InScript(utf8Encode('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        expect(hexEncode(sha256InScript(data))).toBe(hexEncode(sha256(data)))
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(sha256Base64url(text)).toBe(base64urlEncode(sha256InScript(utf8Encode(text))))
      }),
    )
  })
})

describe('growing', () => {
  test('the empty tree has the hash of nothing', () => {
    expect(hexEncode(rootOf(emptyTree()))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  test('roots equal the recursive definition', () => {
    for (const size of [1, 2, 3, 5, 8, 255, 256, 257, 511, 1000]) {
      expect(rootOf(grow(size).state)).toEqual(recursiveRoot(LEAVES.slice(0, size)))
    }
  })

  test('any split into appends gives the same root, state and tiles', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1500 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 9 }),
        (size, steps) => {
          const once = grow(size)
          const split = grow(size, steps)
          expect(encodeTreeState(split.state)).toEqual(encodeTreeState(once.state))
          expect(split.tiles).toEqual(once.tiles)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('tiles have the counts of the specification for 70,000 leaves', () => {
    const { state, tiles } = grow(70_000)
    expect([...tiles.values()].filter((tile) => tile.level === 0)).toHaveLength(273)
    expect([...tiles.values()].filter((tile) => tile.level === 1)).toHaveLength(1)
    expect(partialTiles(state).map(({ level, index, width }) => [level, index, width])).toEqual([
      [0, 273, 112],
      [1, 1, 17],
      [2, 0, 1],
    ])
    const upper = tiles.get('1/0')
    for (const index of [0, 1, 255]) {
      const below = tiles.get(`0/${index}`)
      expect(below && tileRoot(below.bytes)).toEqual(upper?.bytes.subarray(index * 32, index * 32 + 32))
    }
  })

  test('a stored state is refused when its length or version is wrong', () => {
    const bytes = encodeTreeState(grow(300).state)
    expect(() => decodeTreeState(bytes.subarray(1))).toThrow(TypeError)
    expect(() => decodeTreeState(bytes.subarray(0, -1))).toThrow('a tree state of size 300')
    expect(() => decodeTreeState(new Uint8Array(9))).toThrow('version 1')
  })
})

describe('proofs', () => {
  test('the root follows from tiles', async () => {
    expect(await rootFromTiles(WHOLE, readWhole)).toEqual(rootOf(grow(WHOLE).state))
    expect(await rootFromTiles(777, readWhole)).toEqual(recursiveRoot(LEAVES.slice(0, 777)))
  })

  test('inclusion proofs verify, and one changed bit does not', async () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.constantFrom(65_535, 65_536, 65_537, WHOLE))
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, anyIndex, bit) => {
        const index = anyIndex % size
        const root = await rootFromTiles(size, readWhole)
        const proof = await proveInclusion(index, size, readWhole)
        const claim = { index, size, leafHash: LEAVES[index] ?? EMPTY_ROOT, proof, root }
        expect(verifyInclusion(claim)).toBe(true)
        expect(verifyInclusion({ ...claim, leafHash: flip(claim.leafHash, bit) })).toBe(false)
        expect(verifyInclusion({ ...claim, root: flip(root, bit) })).toBe(false)
        expect(verifyInclusion({ ...claim, proof: [...proof, root] })).toBe(false)
        if (proof.length === 0) return
        const spoilt = proof.map((hash, i) => (i === bit % proof.length ? flip(hash, bit) : hash))
        expect(verifyInclusion({ ...claim, proof: spoilt })).toBe(false)
        expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(false)
      }),
      { numRuns: 120 },
    )
  })

  test('consistency proofs verify, and one changed bit does not', async () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.constantFrom(65_535, 65_536, 65_537, WHOLE))
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (to, anyFrom, bit) => {
        const from = 1 + (anyFrom % to)
        const [fromRoot, toRoot] = await Promise.all([rootFromTiles(from, readWhole), rootFromTiles(to, readWhole)])
        const proof = await proveConsistency(from, to, readWhole)
        const claim = { from, to, fromRoot, toRoot, proof }
        expect(verifyConsistency(claim)).toBe(true)
        expect(verifyConsistency({ ...claim, fromRoot: flip(fromRoot, bit) })).toBe(false)
        expect(verifyConsistency({ ...claim, toRoot: flip(toRoot, bit) })).toBe(false)
        expect(verifyConsistency({ ...claim, proof: [...proof, toRoot] })).toBe(false)
        if (proof.length === 0) return
        const spoilt = proof.map((hash, i) => (i === bit % proof.length ? flip(hash, bit) : hash))
        expect(verifyConsistency({ ...claim, proof: spoilt })).toBe(false)
      }),
      { numRuns: 120 },
    )
  })

  test('impossible proofs are refused', async () => {
    expect(() => proveInclusion(3, 3, readWhole)).toThrow(RangeError)
    expect(() => proveConsistency(4, 3, readWhole)).toThrow(RangeError)
    expect(await proveConsistency(0, 3, readWhole)).toEqual([])
    await expect(proveInclusion(0, 300, () => new Uint8Array(0))).rejects.toThrow('tile 0/')
  })
})

// Vectors of transparency-dev/merkle, where they lie beside the repository.
const PUBLISHED = new URL('../../../shared/vectors/merkle/testdata/', import.meta.url).pathname
type Vector = {
  leafIdx: number
  treeSize: number
  size: number
  size1: number
  size2: number
  start: number
  end: number
  root: string
  root1: string
  root2: string
  leafHash: string
  proof: string[] | null
  wantErr: boolean
}

function verdict(kind: string, vector: Vector): boolean {
  const proof = (vector.proof ?? []).map(base64Decode)
  const bytes = (text: string) => base64Decode(text ?? '')
  const { leafIdx: index, start, end } = vector
  switch (kind) {
    case 'inclusion':
      return verifyInclusion({
        index,
        size: vector.treeSize,
        leafHash: bytes(vector.leafHash),
        proof,
        root: bytes(vector.root),
      })
    case 'consistency':
      return verifyConsistency({
        from: vector.size1,
        to: vector.size2,
        fromRoot: bytes(vector.root1),
        toRoot: bytes(vector.root2),
        proof,
      })
    case 'subtreeinclusion':
      return verifySubtreeInclusion({
        index,
        start,
        end,
        leafHash: bytes(vector.leafHash),
        proof,
        root: bytes(vector.root),
      })
    default:
      return verifySubtreeConsistency({
        start,
        end,
        size: vector.size,
        subtreeRoot: bytes(vector.root1),
        root: bytes(vector.root2),
        proof,
      })
  }
}

describe.runIf(existsSync(PUBLISHED))('published vectors', () => {
  test.each(['inclusion', 'consistency', 'subtreeinclusion', 'subtreeconsistency'])('%s', (kind) => {
    const files = globSync(`${PUBLISHED}${kind}/**/*.json`)
    expect(files.length).toBeGreaterThan(50)
    const wrong = files.filter((file) => {
      // The files have this shape by their own documentation.
      const vector = JSON.parse(readFileSync(file, 'utf8')) as Vector
      return verdict(kind, vector) === vector.wantErr
    })
    expect(wrong).toEqual([])
  })
})

test('own vectors: roots of small trees', () => {
  const file = new URL('../vectors/merkle-roots.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as { roots: Record<string, string> }
  for (const [size, root] of Object.entries(vectors.roots)) {
    expect(base64Encode(rootOf(grow(Number(size)).state)), size).toBe(root)
  }
  expect(TILE_WIDTH).toBe(256)
})
