import 'server-only'
import { addRange, type Bits, BLOCK, intersect, isEmpty, noBits, subtract, unite } from '#lib/postings/bits.ts'
import type { TimeRange } from '#lib/postings/times.ts'
import type { PlanNode } from '#protocol/audit/query-plan.ts'
import { addMissing, type BlockTimes } from './block-times.ts'
import type { LogRuns } from './log-runs.ts'
import type { Postings } from './postings.ts'
import { endOf } from './runs.ts'

/** One block's answers, a set for each node (the same one for the same), only of what is kept, in range and between the indexes. */
export type BlockSets = { block: number; base: number; sets: Bits[] }

/** What is looked for in a block: the first node drives, the others are not asked where it has nothing. */
export type Looked = {
  nodes: readonly PlanNode[]
  range: TimeRange | null
  /** Indexes `from` (included) to `to` (excluded). */
  from: number
  to: number
}

/** What was loaded of the log. */
export type Loaded = { runs: LogRuns; postings: Postings; times: BlockTimes }

/** What stands where in a block; null where the first node has nothing. */
export function evaluateBlock(log: Loaded, looked: Looked, block: number): BlockSets | null {
  const { mask, open } = limitsOf(log, looked, block)
  const leaves: Leaves = { log, block, known: new Map() }
  const sets: Bits[] = []
  for (const node of looked.nodes) {
    const same = open ? -1 : looked.nodes.indexOf(node)
    const known = same < sets.length ? sets[same] : undefined
    if (known) {
      sets.push(known)
      continue
    }
    const bits = bitsOf(node, leaves)
    if (mask) intersect(bits, mask)
    if (open && sets.length === 0) unite(bits, open)
    if (sets.length === 0 && isEmpty(bits)) return null
    sets.push(bits)
  }
  return { block, base: block * BLOCK, sets }
}

/**
 * What of the block may be answered with: `mask` is what the index tells of, is kept and lies in the walk (null for all of it),
 * `open` is what has no index.
 */
function limitsOf(log: Loaded, looked: Looked, block: number): { mask: Bits | null; open: Bits | null } {
  const { range, from, to } = looked
  // Nearly every block.
  if (from <= block * BLOCK && to >= (block + 1) * BLOCK && log.runs.isWhole(block))
    return { mask: range && inRange(log, range, block), open: null }
  const within = kept(log, looked, block)
  const mask = covered(log, block)
  const open = log.runs.hasGap(block) ? uncovered(mask) : null
  if (open) intersect(open, within)
  intersect(mask, within)
  if (range) intersect(mask, inRange(log, range, block))
  return { mask, open }
}

/** A block and the sets of single terms in it that others are put together with. */
type Leaves = { log: Loaded; block: number; known: Map<number, Bits> }

/** Always a set of its own: the caller changes it. */
function bitsOf(node: PlanNode, leaves: Leaves): Bits {
  switch (node.kind) {
    case 'none':
      return noBits()
    case 'all':
      return allBits()
    case 'term':
      return leaves.known.get(node.hash)?.slice() ?? readLeaf(node.hash, leaves)
    case 'not': {
      const bits = allBits()
      subtract(bits, operandOf(node.item, leaves))
      return bits
    }
    default: {
      const [first, ...rest] = node.items
      if (!first) return noBits()
      const bits = bitsOf(first, leaves)
      for (const item of rest) {
        const other = operandOf(item, leaves)
        if (node.kind === 'and') intersect(bits, other)
        else unite(bits, other)
      }
      return bits
    }
  }
}

/** Only to be read. */
function operandOf(node: PlanNode, leaves: Leaves): Bits {
  return node.kind === 'term' ? leafOf(node.hash, leaves) : bitsOf(node, leaves)
}

function leafOf(hash: number, leaves: Leaves): Bits {
  const bits = leaves.known.get(hash) ?? readLeaf(hash, leaves)
  leaves.known.set(hash, bits)
  return bits
}

function readLeaf(hash: number, { log: { runs, postings }, block }: Leaves): Bits {
  const bits = noBits()
  for (const run of runs.of(block)) postings.addTo(bits, hash, run, block)
  return bits
}

function allBits(): Bits {
  const bits = noBits()
  addRange(bits, 0, BLOCK)
  return bits
}

function inRange({ times }: Loaded, range: TimeRange, block: number): Bits {
  const bits = noBits()
  times.addTo(bits, block, range)
  return bits
}

/** What is kept of the block, between the walk's indexes. */
function kept({ times }: Loaded, { from, to }: Looked, block: number): Bits {
  const base = block * BLOCK
  const bits = noBits()
  addRange(bits, Math.max(0, from - base), Math.min(BLOCK, to - base))
  for (const part of times.partsOf(block)) {
    if (!part.missing) continue
    const gone = noBits()
    addMissing(gone, part, block)
    subtract(bits, gone)
  }
  return bits
}

function covered({ runs }: Loaded, block: number): Bits {
  const base = block * BLOCK
  const bits = noBits()
  for (const run of runs.of(block)) addRange(bits, Math.max(0, run.at - base), Math.min(BLOCK, endOf(run) - base))
  return bits
}

function uncovered(byRuns: Bits): Bits {
  const bits = allBits()
  subtract(bits, byRuns)
  return bits
}
