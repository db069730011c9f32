import { equalBytes } from '#lib/bytes.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { NoteError, parseNote } from './note.ts'
import { parseTlogProof } from './proof.ts'

/** A checkpoint kept somewhere, as a signed note; `at` is when it was kept, where that is known (RFC 3339). */
export type KnownCheckpoint = { readonly note: string; readonly at?: string | undefined }

/**
 * The checkpoints in a file that somebody kept: one signed note, several of them one after another, a `.tlog-proof`, or the
 * server's own published list (a line of JSON each). Verifies nothing. Throws a NoteError when there is none.
 */
export function readKnownCheckpoints(text: string): KnownCheckpoint[] {
  if (text.startsWith('c2sp.org/tlog-proof@')) return [{ note: parseTlogProof(text).checkpoint }]
  const known = text.trimStart().startsWith('{') ? fromLines(text) : fromNotes(text)
  if (known.length === 0) throw new NoteError('the file holds no checkpoint')
  return known
}

function fromLines(text: string): KnownCheckpoint[] {
  return text.split('\n').flatMap((line) => {
    try {
      const { note, signedAt } = JSON.parse(line) as { note?: unknown; signedAt?: unknown }
      return typeof note === 'string' ? [{ note, at: typeof signedAt === 'string' ? signedAt : undefined }] : []
    } catch {
      // A line that was cut off by a crash.
      return []
    }
  })
}

/** Notes one after another: an empty line ends a text, and what follows its signature lines begins the next. */
function fromNotes(text: string): KnownCheckpoint[] {
  const notes = text.match(/(?:[^\n]+\n)+\n(?:— [^\n]+\n)+/g) ?? []
  return notes.map((note) => ({ note }))
}

/** A known checkpoint taken apart; its signature is verified when something hangs on it. */
export type Kept = Checkpoint & KnownCheckpoint

/** The checkpoints to compare with, smallest first. Opens few of them at once; of many, those that something hangs on. */
export class KeptCheckpoints {
  readonly #kept: readonly Kept[]
  readonly #vkey: string
  readonly #origin: string | undefined
  #next = 0
  /** The largest of those of which it is known when they were kept. */
  readonly newestDated: Kept | undefined

  constructor(known: readonly KnownCheckpoint[], vkey: string, origin: string | undefined) {
    const kept = known.map((one) => ({ ...parseCheckpoint(parseNote(one.note).text), ...one }))
    this.#kept = kept.toSorted((a, b) => a.size - b.size)
    this.#vkey = vkey
    this.#origin = origin
    this.newestDated = this.#kept.findLast(({ at }) => at !== undefined)
  }

  get largest(): Kept | undefined {
    return this.#kept.at(-1)
  }

  /** Throws a NoteError unless all few of them hold. */
  async openFew(): Promise<void> {
    if (this.#kept.length <= FEW) for (const one of this.#kept) await this.open(one)
  }

  /** Throws a NoteError when it is not of this log and key. */
  async open({ note, size }: Kept): Promise<void> {
    try {
      await openCheckpoint(note, this.#vkey, this.#origin)
    } catch (error) {
      // Else it would read as if the log's own checkpoint were meant.
      if (error instanceof NoteError) throw new NoteError(`the kept checkpoint of ${size} entries: ${error.message}`)
      throw error
    }
  }

  async isSigned(one: Kept): Promise<boolean> {
    try {
      await this.open(one)
      return true
    } catch (error) {
      if (error instanceof NoteError) return false
      throw error
    }
  }

  /** The size at which the tree is to be compared next; Infinity behind the last. */
  get nextSize(): number {
    return this.#kept[this.#next]?.size ?? Number.POSITIVE_INFINITY
  }

  /** Those of `size`, which then are done with. */
  take(size: number): Kept[] {
    const taken: Kept[] = []
    for (let one = this.#kept[this.#next]; one && one.size <= size; one = this.#kept[++this.#next]) {
      if (one.size === size) taken.push(one)
    }
    return taken
  }
}

const FEW = 64

/** Whether a checkpoint has this root. */
export function hasRoot(one: Checkpoint, root: Uint8Array): boolean {
  return equalBytes(one.root, root)
}
