import { equalBytes } from '#lib/bytes.ts'
import { formatTime } from '#lib/time.ts'
import type { Checkpoint } from './checkpoint.ts'
import {
  appendLeaves,
  emptyTree,
  HASH_BYTES,
  partialTiles,
  rootOf,
  TILE_WIDTH,
  type Tile,
  type TreeState,
} from './merkle.ts'
import type { VerifyLogOptions } from './verify.ts'
import { type Broken, type Explained, explainBroken, isEnd } from './verify-broken.ts'
import { Differences, explainSpots, leafMark, type Problem, type Spot } from './verify-differences.ts'
import { hasRoot, type Kept, type KeptCheckpoints } from './verify-known.ts'
import { GrowingBytes, type LogMemory, markAt } from './verify-memory.ts'

const NO_BYTES = new Uint8Array(0)

/**
 * The tree that follows from the entries, and beside it, from the first leaf that differs, the tree that follows from the
 * published hashes. At every checkpoint it is judged which of the two was signed.
 */
export class LogTrees {
  readonly #head: Checkpoint
  readonly #kept: KeptCheckpoints
  readonly #options: VerifyLogOptions
  readonly #problems: Problem[] = []

  #rebuilt: TreeState = emptyTree()
  /** Null while the published leaves are those of the entries. */
  #published: TreeState | null = null
  #differences = new Differences()
  /** Entries of which the signed hash is another one. */
  readonly #altered: Spot[] = []
  readonly #sinceMemory = new Differences()
  /** Upper tiles that are not those of the entries; whose fault that is shows at the next checkpoint. */
  #upper: Problem[] = []
  readonly #blocks = new GrowingBytes()
  readonly #marks = new GrowingBytes()
  #atHead: { edge: Uint8Array; blocks: number; marks: number } = { edge: new Uint8Array(0), blocks: 0, marks: 0 }
  readonly #confirmed: Kept[] = []
  #broken: Broken | null = null
  /** Everything behind was moved by an entry removed or added: nothing more can be said of it. */
  isDone = false
  /** The size of the last checkpoint that holds. */
  confirmed = 0

  constructor(head: Checkpoint, kept: KeptCheckpoints, options: VerifyLogOptions) {
    this.#head = head
    this.#kept = kept
    this.#options = options
  }

  /** Appends leaves of one block; `published` are the log's own hashes of them. */
  async append(start: number, leaves: readonly Uint8Array[], published: readonly Uint8Array[] | null): Promise<void> {
    this.#compare(start, leaves, published)
    this.#compareWithMemory(start, leaves)
    if (this.#differences.count > 0) {
      this.#published = appendLeaves(this.#published ?? this.#rebuilt, published ?? leaves).state
    }
    const { state, fullTiles } = appendLeaves(this.#rebuilt, leaves)
    this.#rebuilt = state
    if (state.size % TILE_WIDTH === 0) this.#keepBlock(fullTiles)
    await this.#compareUpper(fullTiles)
    await this.judge()
  }

  #compare(start: number, leaves: readonly Uint8Array[], published: readonly Uint8Array[] | null): void {
    for (let i = 0; i < leaves.length; i++) {
      const leaf = leaves[i]
      const theirs = published === null ? leaf : published[i]
      if (leaf === undefined || theirs === undefined) continue
      const isEqual = theirs === leaf || equalBytes(leaf, theirs)
      if (isEqual && this.#differences.count === 0) continue
      this.#differences.add(start + i, leafMark(leaf), leafMark(theirs), isEqual)
    }
  }

  #compareWithMemory(start: number, leaves: readonly Uint8Array[]): void {
    const { memory, rememberAt } = this.#options
    for (let i = 0; i < leaves.length; i++) {
      const leaf = leaves[i]
      if (leaf === undefined) continue
      if (rememberAt) this.#marks.add(leaf.subarray(0, 4))
      if (memory === undefined || start + i >= memory.size) continue
      const mark = leafMark(leaf)
      const expected = markAt(memory, start + i)
      this.#sinceMemory.add(start + i, mark, expected, mark === expected)
    }
  }

  /** The root of a block that has become full stands in the tile above it. */
  #keepBlock(fullTiles: readonly Tile[]): void {
    const above = fullTiles.find(({ level }) => level === 1)?.bytes ?? this.#rebuilt.edge[1]
    if (above) this.#blocks.add(above.subarray(above.length - HASH_BYTES))
  }

  async #compareUpper(tiles: readonly Tile[]): Promise<void> {
    const { readTile } = this.#options
    if (readTile === undefined) return
    for (const { level, index, width, bytes } of tiles) {
      if (level === 0) continue
      const published = await readTile(level, index, width)
      if (published === null) continue
      const problem = upperProblem({ level, index, width, bytes }, published)
      if (problem) this.#upper.push(problem)
    }
  }

  /** Which tree was signed? Compares at the sizes that are known and nowhere else. */
  async judge(): Promise<void> {
    const { size } = this.#rebuilt
    if (size === this.#head.size) this.#rememberHead()
    const kept = this.#kept.take(size)
    if (kept.length === 0) return
    const root = rootOf(this.#rebuilt)
    const theirs = this.#published && rootOf(this.#published)
    const holding = kept.filter((one) => hasRoot(one, root))
    if (this.#broken) {
      this.#broken.isTwoHistories ||= holding.length > 0
      return
    }
    const areEntriesWrong = holding.length === 0 && theirs !== null && kept.every((one) => hasRoot(one, theirs))
    if (!areEntriesWrong)
      for (const one of kept) if (!holding.includes(one)) await this.#breakAt(one, holding.length > 0)
    if (this.#broken) return
    if (areEntriesWrong) this.#blameEntries()
    else this.#blameTiles()
    this.#confirmed.push(...kept)
    this.confirmed = size
  }

  async #breakAt(one: Kept, isTwoHistories: boolean): Promise<void> {
    if (!(await this.#kept.isSigned(one))) {
      const reason = `a checkpoint of ${one.size} entries that was given is not signed by the log's key`
      this.#problems.push({ code: 'checkpoint_invalid', reason })
      return
    }
    if (this.#broken) return
    const from = await this.#confirmedSize()
    const edge = this.#rebuilt.edge[0] ?? NO_BYTES
    this.#broken = { from, to: one.size, by: one, edge, isTwoHistories }
  }

  async #confirmedSize(): Promise<number> {
    for (const one of this.#confirmed.toReversed()) if (await this.#kept.isSigned(one)) return one.size
    return 0
  }

  /** The published hashes were signed: the entries are not those. */
  #blameEntries(): void {
    const { problems, isShift } = this.#differences.explain()
    this.isDone = isShift
    if (isShift) this.#problems.push(...problems)
    // Told at the end: an entry may have been exchanged with one behind the next checkpoint.
    else this.#altered.push(...this.#differences.spots)
    if (this.#published) this.#rebuilt = this.#published
    this.#forget()
  }

  /** The entries were signed: where a published hash is another one, somebody changed it. */
  #blameTiles(): void {
    this.#problems.push(...this.#upper)
    if (this.#differences.count > 0) {
      const index = this.#differences.first
      const reason = `the published hash of entry ${index} is not the signed one; the entry is`
      this.#problems.push({ code: 'tile_altered', index, reason })
    }
    this.#forget()
  }

  #forget(): void {
    this.#published = null
    this.#differences = new Differences()
    this.#upper = []
  }

  #rememberHead(): void {
    const { edge } = this.#rebuilt
    this.#atHead = { edge: edge[0] ?? NO_BYTES, blocks: this.#blocks.length, marks: this.#marks.length }
  }

  /** Compares the tiles at the right edge, which are not full; call it once, behind the last entry. */
  async finish(size: number): Promise<void> {
    if (this.#rebuilt.size !== size || this.#broken) return
    await this.#compareUpper(partialTiles(this.#rebuilt))
    // Behind the last checkpoint nothing is signed yet: the log's own hashes must at least be those of its entries.
    if (this.#differences.count > 0) this.#altered.push(...this.#differences.spots)
    else this.#problems.push(...this.#upper)
  }

  /** What is wrong with the trees. */
  async explain(seen: { late: number | null; isCut: boolean; size: number }): Promise<Explained> {
    const found = await explainBroken({
      ...seen,
      broken: this.#broken,
      largest: this.#kept.largest,
      sinceMemory: this.#sinceMemory,
      blocks: this.#blocks.view(),
      readTile: this.#options.readTile,
    })
    const problems = [...explainSpots(this.#altered), ...this.#problems, ...found.problems]
    return { problems, explains: (code) => found.explains(code) || (this.isDone && isEnd(code)) }
  }

  /** What to remember of a log that held. */
  memory(checkpoint: string, at: Date): LogMemory {
    const { edge, blocks, marks } = this.#atHead
    return {
      checkpoint,
      verifiedAt: formatTime(at),
      size: this.#head.size,
      blocks: this.#blocks.view(0, blocks),
      edge,
      marks: this.#marks.view(0, marks),
    }
  }
}

function upperProblem({ level, index, width, bytes }: Tile, published: Uint8Array): Problem | null {
  const span = TILE_WIDTH ** level
  const first = index * TILE_WIDTH * span
  if (published.length < width * HASH_BYTES)
    return {
      code: 'tile_altered',
      index: first,
      until: first + width * span - 1,
      reason: `tile ${level}/${index} is missing`,
    }
  for (let i = 0; i < width; i++) {
    const at = i * HASH_BYTES
    if (equalBytes(bytes.subarray(at, at + HASH_BYTES), published.subarray(at, at + HASH_BYTES))) continue
    const from = first + i * span
    const reason = `tile ${level}/${index} has another hash for entries ${from} to ${from + span - 1} than follows from them`
    return { code: 'tile_altered', index: from, until: from + span - 1, reason }
  }
  return null
}
