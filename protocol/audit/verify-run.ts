import type { Checkpoint } from './checkpoint.ts'
import { EntryError } from './entry-check.ts'
import { readCommitted } from './entry-read.ts'
import { HASH_BYTES, leafHash, TILE_WIDTH } from './merkle.ts'
import { verifyPersonal, verifyPersonalText } from './personal.ts'
import { tileWidth } from './tiles.ts'
import type { LogBatch, LogItem, LogVerdict, VerifyLogOptions } from './verify.ts'
import { byIndex, type Problem, range, were } from './verify-differences.ts'
import type { KeptCheckpoints } from './verify-known.ts'
import { LogTrees } from './verify-trees.ts'

const MOST_PROBLEMS = 100

/** One verification of one log: walks through the entries, and hands the leaves block by block to the trees. */
export class LogVerification {
  readonly #head: Checkpoint
  readonly #kept: KeptCheckpoints
  readonly #options: VerifyLogOptions
  readonly #size: number
  readonly #trees: LogTrees
  readonly #problems: Problem[] = []

  /** Leaves that wait for the end of their block or for a checkpoint; null for an entry that is missing. */
  #waiting: (Uint8Array | null)[] = []
  #next = 0
  #tile: Uint8Array | null = null
  /** The first entry that was recorded after the newest checkpoint had been kept, which is over it. */
  #late: number | null = null
  #missingTile = -1
  #isOver = false
  #personalChecked = 0
  #purged = 0

  constructor(head: Checkpoint, kept: KeptCheckpoints, options: VerifyLogOptions) {
    this.#head = head
    this.#kept = kept
    this.#options = options
    this.#size = Math.max(options.size ?? 0, head.size)
    this.#trees = new LogTrees(head, kept, options)
  }

  async run(): Promise<LogVerdict> {
    await this.#trees.judge()
    for await (const batch of this.#options.entries) {
      await this.#take(batch)
      if (this.#isOver) break
      this.#options.onProgress?.(this.#next, this.#size)
    }
    if (!this.#isOver) await this.#passMissing(this.#size, 'tail_cut')
    await this.#flush()
    await this.#trees.finish(this.#size)
    return this.#verdict()
  }

  async #take({ first, items }: LogBatch): Promise<void> {
    if (first > this.#next) await this.#passMissing(Math.min(first, this.#size), 'entry_removed')
    for (let i = 0; i < items.length; i++) {
      const item = items[i]
      if (item === undefined || this.#isOver) return
      const index = this.#next
      if (first + i < index) {
        this.#report({ code: 'entry_added', index: first + i, reason: `entry ${first + i} stands there twice` })
        continue
      }
      if (index >= this.#size) {
        this.#report({
          code: 'entry_added',
          index,
          reason: `entry ${index} was added: the log has ${this.#size} entries`,
        })
        this.#isOver = true
        return
      }
      this.#check(item, index)
      // Not awaited for every entry: a turn of the queue costs as much as a hash.
      if (this.#push(leafHash(item.bytes))) await this.#flush()
    }
  }

  /** Goes on behind entries that are not there; their published hashes stand for them and are judged like all others. */
  async #passMissing(end: number, code: 'entry_removed' | 'tail_cut'): Promise<void> {
    const missing: { from: number; to: number }[] = []
    for (let index = this.#next; index < end; index++) {
      if (this.#options.mayBeMissing?.(index)) this.#purged++
      else if (missing.at(-1)?.to === index)
        missing.splice(-1, 1, { from: missing.at(-1)?.from ?? index, to: index + 1 })
      else missing.push({ from: index, to: index + 1 })
    }
    for (const { from, to } of missing) {
      const reason = `${code === 'tail_cut' ? 'the log was cut: ' : ''}${were(from, to - 1)} removed`
      this.#report({ code, index: from, ...(to - from > 1 && { until: to - 1 }), reason })
    }
    while (this.#next < end && !this.#isOver) if (this.#push(null)) await this.#flush()
  }

  #check({ bytes, personal }: LogItem, index: number): void {
    try {
      const { recordedAt, sha256 } = readCommitted(bytes)
      this.#checkTime(recordedAt, index)
      if (personal === undefined) return
      const holds =
        typeof personal === 'string' ? verifyPersonalText(personal, sha256) : verifyPersonal(personal, sha256)
      this.#personalChecked++
      if (holds) return
      const reason = `entry ${index}: the personal values are not those committed to`
      this.#report({ code: 'personal_mismatch', index, reason })
    } catch (error) {
      if (!(error instanceof EntryError)) throw error
      this.#report({ code: 'entry_malformed', index, reason: `entry ${index}: ${error.message}` })
    }
  }

  #checkTime(recordedAt: string, index: number): void {
    const dated = this.#kept.newestDated
    // What was added or removed moves entries behind a checkpoint before it; only the newest tells of a history that went on.
    if (this.#late === null && dated?.at !== undefined && index < dated.size && recordedAt > dated.at)
      this.#late = index
  }

  /** Whether a block or a checkpoint ends with this leaf. */
  #push(leaf: Uint8Array | null): boolean {
    this.#waiting.push(leaf)
    this.#next++
    return this.#next % TILE_WIDTH === 0 || this.#next === this.#kept.nextSize
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    const start = this.#next - waiting.length
    const published = await this.#publishedLeaves(start, waiting)
    const leaves: Uint8Array[] = []
    for (let i = 0; i < waiting.length; i++) {
      const leaf = waiting[i] ?? published?.[i]
      if (leaf === undefined) break
      leaves.push(leaf)
    }
    if (leaves.length < waiting.length) {
      const index = start + leaves.length
      this.#report({
        code: 'tile_altered',
        index,
        reason: `neither entry ${index} nor its hash is there: what follows cannot be checked`,
      })
    }
    if (leaves.length > 0) await this.#trees.append(start, leaves, published)
    if (leaves.length < waiting.length || this.#trees.isDone) this.#isOver = true
  }

  /** The published hashes of a stretch within one tile; null where they are the entries' own, or not to be compared. */
  async #publishedLeaves(start: number, waiting: Waiting): Promise<readonly Uint8Array[] | null> {
    const count = waiting.length
    const { readTile } = this.#options
    if (readTile === undefined) return null
    const index = Math.floor(start / TILE_WIDTH)
    const at = start % TILE_WIDTH
    if (at === 0 || this.#tile === null) this.#tile = await readTile(0, index, tileWidth(0, index, this.#size))
    const tile = this.#tile
    if (tile === null) return null
    if (areSame(waiting, tile, at)) return null
    if (tile.length >= (at + count) * HASH_BYTES)
      return Array.from({ length: count }, (_, i) => tile.subarray((at + i) * HASH_BYTES, (at + i + 1) * HASH_BYTES))
    if (this.#missingTile !== index) {
      this.#missingTile = index
      const from = start + Math.max(0, Math.floor(tile.length / HASH_BYTES) - at)
      const until = Math.min(this.#size, (index + 1) * TILE_WIDTH) - 1
      this.#report({
        code: 'tile_altered',
        index: from,
        until,
        reason: `tile 0/${index} has no hashes of ${range(from, until)}`,
      })
    }
    return null
  }

  #report(problem: Problem): void {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(problem)
  }

  async #verdict(): Promise<LogVerdict> {
    const isCut = this.#problems.some(({ code }) => code === 'tail_cut')
    const found = await this.#trees.explain({ late: this.#late, isCut, size: this.#size })
    // What was removed or added moves all that follows: its end is no cut tail, nor an entry more. And an altered entry need
    // not be told twice.
    const all = [...found.problems, ...this.#problems]
    const own = this.#problems.filter((one) => !found.explains(one.code) && !all.some((other) => covers(other, one)))
    const problems = [...found.problems, ...own].sort(byIndex).slice(0, MOST_PROBLEMS)
    const [first] = problems
    if (first) return { ok: false, ...first, problems }
    if (this.#trees.confirmed < this.#head.size)
      throw new Error('nothing is wrong, and yet the checkpoint was not reached')
    const { rememberAt, checkpoint } = this.#options
    const memory = rememberAt && this.#trees.memory(checkpoint, rememberAt)
    return { ok: true, checkpoint: this.#head, personalChecked: this.#personalChecked, purged: this.#purged, memory }
  }
}

type Waiting = readonly (Uint8Array | null)[]

/** Whether the tile has these hashes from `at` on: almost always, and then no hash is taken out of it. */
function areSame(leaves: Waiting, tile: Uint8Array, at: number): boolean {
  let from = at * HASH_BYTES
  for (let i = 0; i < leaves.length; i++) {
    const leaf = leaves[i]
    if (!leaf) return false
    for (let byte = 0; byte < HASH_BYTES; byte++) if (leaf[byte] !== tile[from++]) return false
  }
  return true
}

/** Whether `other` says all that `one` does. */
function covers(other: Problem, { code, index = -1 }: Problem): boolean {
  if (other.index === undefined || index < other.index || index > (other.until ?? other.index)) return false
  if (code === 'tile_altered') return other.code === 'entry_removed' || other.code === 'tail_cut'
  return other.code === 'entry_altered' && (code === 'entry_malformed' || code === 'personal_mismatch')
}
