import { equalBytes } from '#lib/bytes.ts'
import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './merkle.ts'

type Hashes = readonly Uint8Array[]

/** Whether `proof` shows that `leafHash` is leaf `index` of the tree of `size` leaves with `root` (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(claim: {
  index: number
  size: number
  leafHash: Uint8Array
  proof: Hashes
  root: Uint8Array
}): boolean {
  return verifySubtreeInclusion({ ...claim, start: 0, end: claim.size })
}

/**
 * Whether `proof` shows that `leafHash` is leaf `index` of the tree, within the subtree of leaves `start` to `end` (excluded)
 * with `root` (draft-ietf-plants-merkle-tree-certs, subtree inclusion proofs).
 */
export function verifySubtreeInclusion(claim: {
  index: number
  start: number
  end: number
  leafHash: Uint8Array
  proof: Hashes
  root: Uint8Array
}): boolean {
  const { index, start, end, leafHash, proof, root } = claim
  if (!isSubtree(start, end) || !isCount(index) || index < start || index >= end) return false
  if (!isHash(leafHash) || !proof.every(isHash)) return false
  let node = index - start
  let last = end - start - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      // The right edge of an incomplete tree has no sibling on these levels.
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)]
    } else {
      hash = nodeHash(hash, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equalBytes(hash, root)
}

/**
 * Whether `proof` shows that the tree of `from` leaves with `fromRoot` is a prefix of the tree of `to` leaves with `toRoot`
 * (RFC 9162 section 2.1.4.2). Every tree extends the empty one, whose proof is empty.
 */
export function verifyConsistency(claim: {
  from: number
  to: number
  fromRoot: Uint8Array
  toRoot: Uint8Array
  proof: Hashes
}): boolean {
  const { from, to, fromRoot, toRoot, proof } = claim
  if (!isCount(from) || !isCount(to) || from > to) return false
  if (from === 0) {
    if (proof.length > 0 || !equalBytes(fromRoot, EMPTY_ROOT)) return false
    return to > 0 ? isHash(toRoot) : equalBytes(toRoot, EMPTY_ROOT)
  }
  return verifySubtreeConsistency({ start: 0, end: from, size: to, subtreeRoot: fromRoot, root: toRoot, proof })
}

/**
 * Whether `proof` shows that the subtree of leaves `start` to `end` (excluded) with `subtreeRoot` belongs to the tree of `size`
 * leaves with `root` (draft-ietf-plants-merkle-tree-certs, subtree consistency proofs). An empty subtree belongs to every tree.
 */
export function verifySubtreeConsistency(claim: {
  start: number
  end: number
  size: number
  subtreeRoot: Uint8Array
  root: Uint8Array
  proof: Hashes
}): boolean {
  const { start, end, size, subtreeRoot, root, proof } = claim
  if (!isCount(size) || end > size) return false
  if (isCount(start) && start === end) return proof.length === 0 && equalBytes(subtreeRoot, EMPTY_ROOT)
  if (!isSubtree(start, end) || !proof.every(isHash)) return false
  // Without a proof the roots are only compared; what is hashed must be a hash.
  if (proof.length > 0 && !isHash(subtreeRoot)) return false
  let [first, second, last] = [start, end - 1, size - 1]
  const shift = () => {
    ;[first, second, last] = [half(first), half(second), half(last)]
  }
  // Climb to the highest node that both trees share on the subtree's right edge.
  while (first !== second && (second % 2 === 1 || end === size)) shift()
  if (first === second) return climb({ first, second, last, seed: subtreeRoot, path: proof, subtreeRoot, root })
  const [seed, ...path] = proof
  return seed !== undefined && climb({ first, second, last, seed, path, subtreeRoot, root })
}

function climb(walk: {
  first: number
  second: number
  last: number
  seed: Uint8Array
  path: Hashes
  subtreeRoot: Uint8Array
  root: Uint8Array
}): boolean {
  let { first, second, last } = walk
  let subtree = walk.seed
  let tree = walk.seed
  const shift = () => {
    ;[first, second, last] = [half(first), half(second), half(last)]
  }
  for (const sibling of walk.path) {
    if (last === 0) return false
    if (second % 2 === 1 || second === last) {
      if (first < second) subtree = nodeHash(sibling, subtree)
      tree = nodeHash(sibling, tree)
      while (second % 2 === 0 && second !== 0) shift()
    } else {
      tree = nodeHash(tree, sibling)
    }
    shift()
  }
  return last === 0 && equalBytes(subtree, walk.subtreeRoot) && equalBytes(tree, walk.root)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** A subtree starts at a multiple of the smallest power of two that holds it. */
function isSubtree(start: number, end: number): boolean {
  if (!isCount(start) || !isCount(end) || start >= end) return false
  let span = 1
  while (span < end - start) span *= 2
  return start % span === 0
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES
}

function half(value: number): number {
  return Math.floor(value / 2)
}
