import 'server-only'
import { addRange, type Bits, BLOCK, intersect, isEmpty, noBits, subtract, unite } from '#lib/postings/bits.ts'
import type { TimeRange } from '#lib/postings/times.ts'
import type { PlanNode } from '#protocol/audit/query-plan.ts'
import type { Sql } from '#server/kernel/db.ts'
import { addMissing, BlockTimes } from './block-times.ts'
import { Postings } from './postings.ts'
import { type MemoryOf, type RunMemory, rememberedRuns } from './run-memory.ts'
import { blockOf, endOf, type LogShape, type RunHead } from './runs.ts'

/** Blocks looked at together: few at first, because most pages are full soon. */
const WAVES = [2, 8, 64, 512]
const BATCHES = [2, 8, 32, 64]

export type Walk = {
  /** The first drives: where it has nothing the others are not asked. It errs on the side of too much, they of too little. */
  nodes: readonly PlanNode[]
  range: TimeRange | null
  /** Indexes `from` (included) to `to` (excluded). */
  from: number
  to: number
  newestFirst: boolean
  /** Load what `times` needs to say when entries occurred. */
  times?: 'hours' | 'exact' | undefined
  /** Blocks of which whoever asks knows already what they would be told are passed over. */
  passes?: ((block: number) => boolean) | undefined
}

/** One block's answers, a set for each node (the same one for the same), only of what is kept, in range and between the indexes. */
export type BlockSets = { block: number; base: number; sets: Bits[] }

/** How far the walk has come (everything before, in reading order, was looked at), and what it found in which block. */
export type Step = { reached: number; block: number | null; found: BlockSets | null }

/** The index of one organisation's log, read as a search needs it and remembered for the next question of the same search. */
export class LogIndex {
  readonly shape: LogShape
  readonly times: BlockTimes
  readonly #postings: Postings
  readonly #memoryOf: MemoryOf

  constructor(sql: Sql, tenantId: string, shape: LogShape) {
    this.shape = shape
    this.#memoryOf = rememberedRuns(tenantId, shape)
    this.#postings = new Postings(sql, tenantId, this.#memoryOf)
    this.times = new BlockTimes(sql, tenantId, this.#memoryOf)
  }

  /** Goes through the log block by block, in the order asked for. A part of the log without an index counts as candidates. */
  async *walk(walk: Walk): AsyncGenerator<Step, void> {
    const [driver] = walk.nodes
    if (!driver || walk.to <= walk.from) return
    let batch = 0
    for (const wave of wavesOf(walk)) {
      const { passes } = walk
      const blocks = await this.#candidates(walk, driver, passes ? wave.filter((block) => !passes(block)) : wave)
      for (let at = 0; at < blocks.length; ) {
        const some = blocks.slice(at, at + (BATCHES[Math.min(batch++, BATCHES.length - 1)] ?? 64))
        at += some.length
        await this.#load(walk, some)
        for (const block of some) yield { reached: this.#after(walk, block), block, found: this.#evaluate(walk, block) }
      }
      yield { reached: this.#after(walk, wave.at(-1) ?? 0), block: null, found: null }
    }
  }

  /** When the entries of a found block occurred, see `Walk.times`. */
  runsOf(block: number): RunHead[] {
    const [from, to] = [block * BLOCK, (block + 1) * BLOCK]
    return this.#runsBetween(from, to)
  }

  /** What is remembered of the one run that tells of a full block, all of it kept here; null where there is no such run. */
  wholeMemoryOf(block: number): RunMemory | null {
    const [start, end] = [block * BLOCK, (block + 1) * BLOCK]
    const [run, other] = this.runsOf(block)
    if (!run || other || !run.whole || this.shape.coldTo > start || run.at > start || endOf(run) < end) return null
    return this.#memoryOf(run)
  }

  #after({ newestFirst, from, to }: Walk, block: number): number {
    return newestFirst ? Math.max(from, block * BLOCK) : Math.min(to, (block + 1) * BLOCK) - 1
  }

  async #candidates(walk: Walk, driver: PlanNode, wave: readonly number[]): Promise<readonly number[]> {
    if (wave.length === 0) return wave
    const low = Math.min(...wave)
    const high = Math.max(...wave)
    const runs = this.#runsBetween(low * BLOCK, (high + 1) * BLOCK)
    await this.#postings.probe(distinctTerms(walk), runs)
    const needsParts = walk.range !== null || walk.times !== undefined || runs.some(({ whole }) => !whole)
    if (needsParts) await this.times.readParts(wave, (block) => this.runsOf(block))
    return wave.filter((block) => {
      const gaps = this.#hasGap(block)
      if (walk.range && !gaps && !this.times.mayOccur(block, walk.range)) return false
      return gaps || this.#mayHave(driver, block)
    })
  }

  #mayHave(node: PlanNode, block: number): boolean {
    switch (node.kind) {
      case 'none':
        return false
      case 'term':
        return this.runsOf(block).some((run) => this.#postings.mayStand(node.hash, run, block))
      case 'and':
        return node.items.every((item) => this.#mayHave(item, block))
      case 'or':
        return node.items.some((item) => this.#mayHave(item, block))
      default:
        return true
    }
  }

  async #load(walk: Walk, blocks: readonly number[]): Promise<void> {
    const terms = distinctTerms(walk)
    const needed = blocks.flatMap((block) => this.runsOf(block).map((run) => ({ run, block })))
    await this.#postings.load(terms, needed)
    if (walk.times === 'hours') await this.times.loadHours(blocks, null)
    if (walk.times === 'exact') await this.times.loadExact(blocks, null)
    if (!walk.range) return
    await this.times.loadHours(blocks, walk.range)
    const cut = new Set<number>()
    for (const block of blocks) if (!this.times.areExact(block)) this.times.addTo(noBits(), block, walk.range, cut)
    await this.times.loadExact([...cut], walk.range)
  }

  #evaluate(walk: Walk, block: number): BlockSets | null {
    const { mask, open } = this.#limits(walk, block)
    const leaves = new Map<number, Bits>()
    const sets: Bits[] = []
    for (const node of walk.nodes) {
      const same = open ? -1 : walk.nodes.indexOf(node)
      const known = same < sets.length ? sets[same] : undefined
      if (known) {
        sets.push(known)
        continue
      }
      const bits = this.#bitsOf(node, block, leaves)
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
  #limits(walk: Walk, block: number): { mask: Bits | null; open: Bits | null } {
    if (this.#isWhole(walk, block)) return { mask: walk.range && this.#inRange(walk.range, block), open: null }
    const within = this.#kept(walk, block)
    const mask = this.#covered(block)
    const open = this.#hasGap(block) ? this.#uncovered(mask) : null
    if (open) intersect(open, within)
    intersect(mask, within)
    if (walk.range) intersect(mask, this.#inRange(walk.range, block))
    return { mask, open }
  }

  /** Nearly every block: full, inside the walk, all of it kept and told of by runs. */
  #isWhole({ from, to }: Walk, block: number): boolean {
    const [start, end] = [block * BLOCK, (block + 1) * BLOCK]
    return (
      from <= start &&
      to >= end &&
      this.shape.size >= end &&
      this.shape.coldTo <= start &&
      this.runsOf(block).every(({ whole }) => whole) &&
      !this.#hasGap(block)
    )
  }

  /** Always a set of its own: the caller changes it. */
  #bitsOf(node: PlanNode, block: number, leaves: Map<number, Bits>): Bits {
    switch (node.kind) {
      case 'none':
        return noBits()
      case 'all': {
        const bits = noBits()
        addRange(bits, 0, BLOCK)
        return bits
      }
      case 'term':
        return this.#leaf(node.hash, block, leaves).slice()
      case 'not': {
        const bits = noBits()
        addRange(bits, 0, BLOCK)
        subtract(bits, this.#bitsOf(node.item, block, leaves))
        return bits
      }
      default: {
        const [first, ...rest] = node.items
        if (!first) return noBits()
        const bits = this.#bitsOf(first, block, leaves)
        for (const item of rest) {
          const other = item.kind === 'term' ? this.#leaf(item.hash, block, leaves) : this.#bitsOf(item, block, leaves)
          if (node.kind === 'and') intersect(bits, other)
          else unite(bits, other)
        }
        return bits
      }
    }
  }

  #leaf(hash: number, block: number, leaves: Map<number, Bits>): Bits {
    const known = leaves.get(hash)
    if (known) return known
    const bits = noBits()
    for (const run of this.runsOf(block)) this.#postings.addTo(bits, hash, run, block)
    leaves.set(hash, bits)
    return bits
  }

  #inRange(range: TimeRange, block: number): Bits {
    const bits = noBits()
    this.times.addTo(bits, block, range)
    return bits
  }

  /** What is kept of the block, between the walk's indexes. */
  #kept({ from, to }: Walk, block: number): Bits {
    const base = block * BLOCK
    const bits = noBits()
    addRange(bits, Math.max(0, from - base), Math.min(BLOCK, to - base))
    for (const part of this.times.partsOf(block)) {
      if (!part.missing) continue
      const gone = noBits()
      addMissing(gone, part, block)
      subtract(bits, gone)
    }
    return bits
  }

  #covered(block: number): Bits {
    const base = block * BLOCK
    const bits = noBits()
    for (const run of this.runsOf(block)) addRange(bits, Math.max(0, run.at - base), Math.min(BLOCK, endOf(run) - base))
    return bits
  }

  #uncovered(covered: Bits): Bits {
    const bits = noBits()
    addRange(bits, 0, BLOCK)
    subtract(bits, covered)
    return bits
  }

  /** Whether entries of the block have no index: it was lost, or is being built. */
  #hasGap(block: number): boolean {
    const to = Math.min(this.shape.size, (block + 1) * BLOCK)
    let reached = Math.max(block * BLOCK, this.shape.coldTo)
    for (const run of this.runsOf(block)) {
      if (run.at > reached) return true
      reached = Math.max(reached, endOf(run))
    }
    return reached < to
  }

  /** Runs that touch the indexes `from` to `to` (excluded), ascending. */
  #runsBetween(from: number, to: number): RunHead[] {
    const { runs } = this.shape
    let low = 0
    let high = runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const run = runs[middle]
      if (run && endOf(run) <= from) low = middle + 1
      else high = middle
    }
    const found: RunHead[] = []
    for (let n = low; n < runs.length; n++) {
      const run = runs[n]
      if (!run || run.at >= to) break
      found.push(run)
    }
    return found
  }
}

function distinctTerms({ nodes }: Walk): number[] {
  return [...new Set(nodes.flatMap(termsOf))]
}

function termsOf(node: PlanNode): number[] {
  switch (node.kind) {
    case 'term':
      return [node.hash]
    case 'not':
      return termsOf(node.item)
    case 'and':
    case 'or':
      return node.items.flatMap(termsOf)
    default:
      return []
  }
}

function* wavesOf({ from, to, newestFirst }: Walk): Generator<number[]> {
  const [first, last] = [blockOf(from), blockOf(to - 1)]
  for (let done = 0, n = 0; done <= last - first; n++) {
    const size = Math.min(WAVES[Math.min(n, WAVES.length - 1)] ?? 512, last - first + 1 - done)
    yield Array.from({ length: size }, (_, i) => (newestFirst ? last - done - i : first + done + i))
    done += size
  }
}
