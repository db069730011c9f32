import 'server-only'
import { BLOCK, noBits } from '#lib/postings/bits.ts'
import type { PlanNode } from '#protocol/audit/query-plan.ts'
import type { Sql } from '#server/kernel/db.ts'
import { type BlockSets, evaluateBlock, type Loaded, type Looked } from './block-sets.ts'
import { BlockTimes } from './block-times.ts'
import { LogRuns } from './log-runs.ts'
import { Postings } from './postings.ts'
import { RecordedTimes } from './recorded-times.ts'
import { type MemoryOf, type RunMemory, rememberedRuns } from './run-memory.ts'
import { blockOf, type LogShape } from './runs.ts'

/** Blocks looked at together: few at first, because most pages are full soon. */
const WAVES = [2, 8, 64, 512]
const BATCHES = [2, 8, 32, 64]

/** What is looked for and in which order. The first node errs on the side of too much, the others of too little. */
export type Walk<K> = Looked & {
  newestFirst: boolean
  /** Load what `times` needs to say when entries occurred. */
  times?: 'hours' | 'exact' | undefined
  /** What whoever asks knows of a block already, which is then passed over. Many blocks are asked for ahead: the walk may end before them. */
  known?: ((block: number) => K | undefined) | undefined
}

/**
 * How far the walk has come (everything before, in reading order, was looked at), what is known of the blocks that it passed over since
 * the last step, and what it found in which block.
 */
export type Step<K> = { reached: number; passed: readonly K[]; block: number | null; found: BlockSets | null }

/** The index of one organisation's log, read as a search needs it and remembered for the next question of the same search. */
export class LogIndex {
  readonly shape: LogShape
  readonly times: BlockTimes
  readonly recorded: RecordedTimes
  readonly #loaded: Loaded
  readonly #memoryOf: MemoryOf

  constructor(sql: Sql, tenantId: string, shape: LogShape) {
    this.shape = shape
    this.#memoryOf = rememberedRuns(tenantId, shape)
    this.times = new BlockTimes(sql, tenantId, this.#memoryOf)
    const runs = new LogRuns(shape)
    this.recorded = new RecordedTimes(sql, tenantId, runs, this.#memoryOf)
    this.#loaded = { runs, postings: new Postings(sql, tenantId, this.#memoryOf), times: this.times }
  }

  /** Goes through the log block by block, in the order asked for. A part of the log without an index counts as candidates. */
  async *walk<K>(walk: Walk<K>): AsyncGenerator<Step<K>, void> {
    const [driver] = walk.nodes
    if (!driver || walk.to <= walk.from) return
    let batch = 0
    for (const wave of wavesOf(walk)) {
      const passed = new Passed(walk, wave)
      const blocks = await this.#candidates(walk, driver, passed.others)
      for (let at = 0; at < blocks.length; ) {
        const some = blocks.slice(at, at + (BATCHES[Math.min(batch++, BATCHES.length - 1)] ?? 64))
        at += some.length
        await this.#load(walk, some)
        for (const block of some) {
          const found = evaluateBlock(this.#loaded, walk, block)
          yield { reached: afterBlock(walk, block), passed: passed.before(block), block, found }
        }
      }
      yield { reached: afterBlock(walk, wave.at(-1) ?? 0), passed: passed.rest(), block: null, found: null }
    }
  }

  /** What is remembered of the one run that tells of a full block, all of it kept here; null where there is no such run. */
  wholeMemoryOf(block: number): RunMemory | null {
    const run = this.#loaded.runs.wholeOf(block)
    return run && this.#memoryOf(run)
  }

  async #candidates<K>(walk: Walk<K>, driver: PlanNode, wave: readonly number[]): Promise<readonly number[]> {
    const [first, last] = [wave[0], wave.at(-1)]
    if (first === undefined || last === undefined) return wave
    const { runs, postings } = this.#loaded
    const between = runs.between(Math.min(first, last) * BLOCK, (Math.max(first, last) + 1) * BLOCK)
    await postings.probe(distinctTerms(walk), between)
    const needsParts = walk.range !== null || walk.times !== undefined || between.some(({ whole }) => !whole)
    if (needsParts) await this.times.readParts(wave, (block) => runs.of(block))
    return wave.filter((block) => {
      const gaps = runs.hasGap(block)
      if (walk.range && !gaps && !this.times.mayOccur(block, walk.range)) return false
      return gaps || this.#mayHave(driver, block)
    })
  }

  #mayHave(node: PlanNode, block: number): boolean {
    const { runs, postings } = this.#loaded
    switch (node.kind) {
      case 'none':
        return false
      case 'term':
        return runs.of(block).some((run) => postings.mayStand(node.hash, run, block))
      case 'and':
        return node.items.every((item) => this.#mayHave(item, block))
      case 'or':
        return node.items.some((item) => this.#mayHave(item, block))
      default:
        return true
    }
  }

  async #load<K>(walk: Walk<K>, blocks: readonly number[]): Promise<void> {
    const { runs, postings } = this.#loaded
    const needed = blocks.flatMap((block) => runs.of(block).map((run) => ({ run, block })))
    await postings.load(distinctTerms(walk), needed)
    if (walk.times === 'hours') await this.times.loadHours(blocks, null)
    if (walk.times === 'exact') await this.times.loadExact(blocks, null)
    if (!walk.range) return
    await this.times.loadHours(blocks, walk.range)
    const cut = new Set<number>()
    for (const block of blocks) if (!this.times.areExact(block)) this.times.addTo(noBits(), block, walk.range, cut)
    await this.times.loadExact([...cut], walk.range)
  }
}

/** The blocks of one wave that are known, in reading order, and the others. */
class Passed<K> {
  readonly others: readonly number[]
  readonly #known: { block: number; what: K }[] = []
  readonly #newestFirst: boolean
  #told = 0

  constructor({ known, newestFirst }: Walk<K>, wave: readonly number[]) {
    this.#newestFirst = newestFirst
    this.others = wave.filter((block) => {
      const what = known?.(block)
      if (what !== undefined) this.#known.push({ block, what })
      return what === undefined
    })
  }

  before(block: number): K[] {
    const [from, newestFirst] = [this.#told, this.#newestFirst]
    for (let next = this.#known[from]; next; next = this.#known[this.#told]) {
      if (newestFirst ? next.block < block : next.block > block) break
      this.#told++
    }
    return this.#known.slice(from, this.#told).map(({ what }) => what)
  }

  rest(): K[] {
    return this.#known.slice(this.#told).map(({ what }) => what)
  }
}

function afterBlock<K>({ newestFirst, from, to }: Walk<K>, block: number): number {
  return newestFirst ? Math.max(from, block * BLOCK) : Math.min(to, (block + 1) * BLOCK) - 1
}

function distinctTerms({ nodes }: Looked): number[] {
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

function* wavesOf<K>({ from, to, newestFirst }: Walk<K>): Generator<number[]> {
  const [first, last] = [blockOf(from), blockOf(to - 1)]
  for (let done = 0, n = 0; done <= last - first; n++) {
    const size = Math.min(WAVES[Math.min(n, WAVES.length - 1)] ?? 512, last - first + 1 - done)
    yield Array.from({ length: size }, (_, i) => (newestFirst ? last - done - i : first + done + i))
    done += size
  }
}
