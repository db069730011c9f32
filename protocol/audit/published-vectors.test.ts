import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { base64Decode, utf8Decode } from '#lib/bytes.ts'
import { openCheckpoint } from './checkpoint.ts'
import { appendLeaves, emptyTree, leafHash, rootOf } from './merkle.ts'
import { proveConsistency, proveInclusion } from './merkle-prove.ts'
import {
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './merkle-verify.ts'
import { decodeBundle, formatTilePath, splitTile } from './tiles.ts'

function load<T>(name: string): Record<string, T> {
  // The files have this shape by their own documentation.
  const file = new URL(`../vectors/transparency-dev/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, T>
}

type Base = { desc: string; wantErr: boolean; proof: string[] | null }
type Inclusion = Base & { leafIdx: number; treeSize: number; root: string; leafHash: string }
type Consistency = Base & { size1: number; size2: number; root1: string; root2: string }
type SubtreeInclusion = Base & { leafIdx: number; start: number; end: number; root: string; leafHash: string }
type SubtreeConsistency = Base & { start: number; end: number; size: number; root1: string; root2: string }

const bytes = (text: string | null | undefined) => base64Decode(text ?? '')
const proofOf = ({ proof }: Base) => (proof ?? []).map(base64Decode)

/** Vectors of which our verdict is not the published one. */
function wrong<V extends Base>(name: string, holds: (vector: V) => boolean): string[] {
  const vectors = Object.entries(load<V>(name))
  expect(vectors.length).toBeGreaterThan(90)
  expect(vectors.some(([, vector]) => !vector.wantErr)).toBe(true)
  return vectors.filter(([, vector]) => holds(vector) === vector.wantErr).map(([path, { desc }]) => `${path}: ${desc}`)
}

describe('vectors of transparency-dev/merkle', () => {
  test('inclusion', () => {
    const found = wrong<Inclusion>('inclusion', (v) =>
      verifyInclusion({
        index: v.leafIdx,
        size: v.treeSize,
        leafHash: bytes(v.leafHash),
        proof: proofOf(v),
        root: bytes(v.root),
      }),
    )
    expect(found).toEqual([])
  })

  test('consistency', () => {
    const found = wrong<Consistency>('consistency', (v) =>
      verifyConsistency({
        from: v.size1,
        to: v.size2,
        fromRoot: bytes(v.root1),
        toRoot: bytes(v.root2),
        proof: proofOf(v),
      }),
    )
    expect(found).toEqual([])
  })

  test('subtree inclusion', () => {
    const found = wrong<SubtreeInclusion>('subtree-inclusion', (v) =>
      verifySubtreeInclusion({
        index: v.leafIdx,
        start: v.start,
        end: v.end,
        leafHash: bytes(v.leafHash),
        proof: proofOf(v),
        root: bytes(v.root),
      }),
    )
    expect(found).toEqual([])
  })

  test('subtree consistency', () => {
    const found = wrong<SubtreeConsistency>('subtree-consistency', (v) =>
      verifySubtreeConsistency({
        start: v.start,
        end: v.end,
        size: v.size,
        subtreeRoot: bytes(v.root1),
        root: bytes(v.root2),
        proof: proofOf(v),
      }),
    )
    expect(found).toEqual([])
  })
})

describe('a log of transparency-dev/tessera', () => {
  const files = load<string>('tessera-log')
  const vkey = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
  const open = async (size: number) =>
    (await openCheckpoint(utf8Decode(bytes(files[`checkpoint.${size}`])), vkey)).checkpoint
  const tile = (level: number, index: number, width: number) => bytes(files[formatTilePath({ level, index, width })])
  const SIZE = 15

  test('of every size: bundle, tile, root, signature, and the proofs of each leaf and of each size before', async () => {
    for (let size = 1; size <= SIZE; size++) {
      const entries = decodeBundle(bytes(files[formatTilePath({ level: 'entries', index: 0, width: size })]))
      const leaves = entries.map(leafHash)
      expect(leaves).toEqual(splitTile(tile(0, 0, size), size))
      const { size: signed, root } = await open(size)
      expect(signed).toBe(size)
      expect(rootOf(appendLeaves(emptyTree(), leaves).state)).toEqual(root)
      for (const [index, leaf] of leaves.entries()) {
        const proof = await proveInclusion(index, size, tile)
        expect(verifyInclusion({ index, size, leafHash: leaf, proof, root })).toBe(true)
      }
      for (let from = 0; from <= size; from++) {
        const { root: fromRoot } = await open(from)
        const proof = await proveConsistency(from, size, tile)
        expect(verifyConsistency({ from, to: size, fromRoot, toRoot: root, proof })).toBe(true)
      }
    }
    expect(bytes(files.checkpoint)).toEqual(bytes(files[`checkpoint.${SIZE}`]))
  })
})
