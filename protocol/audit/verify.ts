import { equalBytes } from '#lib/bytes.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { decodeEntry } from './entry.ts'
import { EntryError } from './entry-check.ts'
import { appendLeaves, emptyTree, HASH_BYTES, leafHash, rootOf, type TreeState } from './merkle.ts'
import { NoteError } from './note.ts'
import { type Personal, verifyPersonal } from './personal.ts'
import { tileWidth } from './tiles.ts'

/** A leaf's bytes, with the personal values kept beside it where they still exist. */
export type LogItem = { readonly bytes: Uint8Array; readonly personal?: Personal | undefined }

/** Reads a published level-0 tile, so that a difference can be told apart leaf by leaf; null when there is none. */
export type ReadLeafTile = (index: number, width: number) => Promise<Uint8Array | null> | Uint8Array | null

/** Why a log does not hold. */
export type VerifyFailureCode =
  | 'checkpoint_invalid'
  | 'entry_malformed'
  | 'personal_mismatch'
  | 'tile_mismatch'
  | 'entry_missing'
  | 'entry_surplus'
  | 'root_mismatch'

/**
 * The verdict. On failure `index` is the first entry that is wrong; with `root_mismatch` the first that may be wrong (all
 * before it are confirmed by an earlier checkpoint); absent when the newest checkpoint itself is bad.
 */
export type LogVerdict =
  | { readonly ok: true; readonly checkpoint: Checkpoint; readonly personalChecked: number }
  | { readonly ok: false; readonly code: VerifyFailureCode; readonly index?: number; readonly reason: string }

/** What `verifyLog` reads; `earlierCheckpoints` are signed notes of the same log in any order. */
export type VerifyLogOptions = {
  readonly checkpoint: string
  readonly vkey: string
  readonly origin?: string
  readonly entries: Iterable<LogItem> | AsyncIterable<LogItem>
  readonly earlierCheckpoints?: readonly string[]
  readonly readLeafTile?: ReadLeafTile
}

/**
 * Rebuilds a whole log from its entries and compares it with its signed checkpoint. Nothing the server computed is believed:
 * tiles only help to name the entry that differs. Reads the entries once, in order, keeping none.
 */
export async function verifyLog(options: VerifyLogOptions): Promise<LogVerdict> {
  try {
    const head = await open(options.checkpoint, options)
    const earlier = await Promise.all((options.earlierCheckpoints ?? []).map((note) => open(note, options)))
    return await new LogVerification(head, earlier, options).run()
  } catch (error) {
    if (error instanceof LogFailure) return error.verdict()
    if (error instanceof NoteError) return { ok: false, code: 'checkpoint_invalid', reason: error.message }
    throw error
  }
}

async function open(note: string, { vkey, origin }: VerifyLogOptions): Promise<Checkpoint> {
  return (await openCheckpoint(note, vkey, origin)).checkpoint
}

class LogFailure extends Error {
  readonly code: VerifyFailureCode
  readonly index: number
  constructor(code: VerifyFailureCode, index: number, reason: string) {
    super(reason)
    this.code = code
    this.index = index
  }

  verdict(): LogVerdict {
    return { ok: false, code: this.code, index: this.index, reason: `entry ${this.index}: ${this.message}` }
  }
}

const BATCH = 256

class LogVerification {
  readonly #head: Checkpoint
  readonly #earlier: readonly Checkpoint[]
  readonly #options: VerifyLogOptions
  #tree: TreeState = emptyTree()
  #waiting: Uint8Array[] = []
  #tile: Uint8Array | null = null
  #confirmed = 0
  #personalChecked = 0

  constructor(head: Checkpoint, earlier: readonly Checkpoint[], options: VerifyLogOptions) {
    this.#head = head
    this.#earlier = earlier.toSorted((a, b) => a.size - b.size)
    this.#options = options
  }

  async run(): Promise<LogVerdict> {
    const { size } = this.#head
    const tooLarge = this.#earlier.find((checkpoint) => checkpoint.size > size)
    if (tooLarge) throw new LogFailure('entry_missing', size, `an earlier checkpoint has ${tooLarge.size} entries`)
    this.#compareRoots()
    let index = 0
    for await (const item of this.#options.entries) await this.#take(item, index++)
    if (index < size) throw new LogFailure('entry_missing', index, `missing; the checkpoint has ${size} entries`)
    this.#grow()
    this.#compareRoots()
    return { ok: true, checkpoint: this.#head, personalChecked: this.#personalChecked }
  }

  async #take(item: LogItem, index: number): Promise<void> {
    if (index >= this.#head.size) {
      throw new LogFailure('entry_surplus', index, `not covered; the checkpoint has ${this.#head.size} entries`)
    }
    this.#checkForm(item, index)
    const leaf = leafHash(item.bytes)
    await this.#compareTile(leaf, index)
    this.#waiting.push(leaf)
    if (this.#waiting.length < BATCH && !this.#earlier.some(({ size }) => size === index + 1)) return
    this.#grow()
    this.#compareRoots()
  }

  #checkForm({ bytes, personal }: LogItem, index: number): void {
    try {
      const entry = decodeEntry(bytes)
      if (personal === undefined) return
      if (!verifyPersonal(personal, entry.personal.sha256)) {
        throw new LogFailure('personal_mismatch', index, 'the personal values are not those committed to')
      }
      this.#personalChecked++
    } catch (error) {
      if (error instanceof EntryError) throw new LogFailure('entry_malformed', index, error.message)
      throw error
    }
  }

  async #compareTile(leaf: Uint8Array, index: number): Promise<void> {
    const { readLeafTile } = this.#options
    if (readLeafTile === undefined) return
    const at = index % BATCH
    if (at === 0) {
      const tile = Math.floor(index / BATCH)
      this.#tile = await readLeafTile(tile, tileWidth(0, tile, this.#head.size))
    }
    const published = this.#tile?.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
    if (published === undefined || equalBytes(published, leaf)) return
    throw new LogFailure('tile_mismatch', index, 'the entry does not hash to the leaf that the log published')
  }

  #grow(): void {
    this.#tree = appendLeaves(this.#tree, this.#waiting).state
    this.#waiting = []
  }

  #compareRoots(): void {
    const { size } = this.#tree
    for (const checkpoint of [...this.#earlier, this.#head]) {
      if (checkpoint.size !== size) continue
      if (!equalBytes(checkpoint.root, rootOf(this.#tree))) {
        const reason = `from here to entry ${size - 1} something was changed: the tree of ${size} entries has another root than signed`
        throw new LogFailure('root_mismatch', this.#confirmed, reason)
      }
      this.#confirmed = size
    }
  }
}
