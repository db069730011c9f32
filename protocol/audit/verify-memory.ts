import { concatBytes, equalBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { appendLeaves, EMPTY_ROOT, emptyTree, foldRight, HASH_BYTES, TILE_WIDTH } from './merkle.ts'
import { NoteError, parseNote } from './note.ts'
import { sha256 } from './sha256.ts'
import { type LeafMark, leafMark } from './verify-differences.ts'

/**
 * What a verifier remembers of a log that held: the checkpoint, the root of every 256 leaves, and four bytes of each leaf's
 * hash. With it the next verification names the very entry that was changed since, even when all the log's own hashes and
 * signatures were made again with a stolen key. About 4.1 bytes an entry; says nothing about their contents.
 */
export type LogMemory = {
  readonly checkpoint: string
  readonly verifiedAt: string
  readonly size: number
  /** Roots of the full blocks of 256 leaves. */
  readonly blocks: Uint8Array
  /** Hashes of the leaves behind the last full block. */
  readonly edge: Uint8Array
  /** The first four bytes of every leaf's hash. */
  readonly marks: Uint8Array
}

const VERSION = 'gatehouse.audit/verified@v1'

/** The remembered mark of leaf `index`. */
export function markAt({ marks }: LogMemory, index: number): LeafMark {
  return leafMark(marks, 4 * index)
}

/** The bytes of a state file: a line of JSON, the hashes, and SHA-256 over all of it. */
export function encodeMemory(memory: LogMemory): Uint8Array<ArrayBuffer> {
  const { checkpoint, verifiedAt, size, blocks, edge, marks } = memory
  const head = utf8Encode(`${JSON.stringify({ version: VERSION, verifiedAt, size, checkpoint })}\n`)
  const body = concatBytes(head, blocks, edge, marks)
  return concatBytes(body, sha256(body))
}

/** Reads a state file; the signature of its checkpoint is the caller's to check. Throws a NoteError when it is not whole. */
export function decodeMemory(bytes: Uint8Array): LogMemory {
  const end = bytes.length - HASH_BYTES
  const line = bytes.indexOf(10)
  if (end < 0 || line < 0 || !equalBytes(sha256(bytes.subarray(0, end)), bytes.subarray(end)))
    throw new NoteError('the state file is not whole')
  const { checkpoint, verifiedAt, size } = parseHead(bytes.subarray(0, line))
  const blocks = Math.floor(size / TILE_WIDTH) * HASH_BYTES
  const edge = (size % TILE_WIDTH) * HASH_BYTES
  let at = line + 1
  const take = (length: number) => {
    at += length
    return bytes.slice(at - length, at)
  }
  const memory = { checkpoint, verifiedAt, size, blocks: take(blocks), edge: take(edge), marks: take(4 * size) }
  const { root, size: signed } = parseCheckpoint(parseNote(checkpoint).text)
  if (at !== end || signed !== size || !equalBytes(rootOfBlocks(memory.blocks, memory.edge), root))
    throw new NoteError('the state file contradicts its own checkpoint')
  return memory
}

function parseHead(line: Uint8Array): { checkpoint: string; verifiedAt: string; size: number } {
  try {
    const { version, checkpoint, verifiedAt, size } = JSON.parse(utf8Decode(line))
    const isWhole = typeof checkpoint === 'string' && typeof verifiedAt === 'string' && Number.isSafeInteger(size)
    if (version === VERSION && isWhole && size >= 0) return { checkpoint, verifiedAt, size }
  } catch {
    // Said below, together with another version.
  }
  throw new NoteError(`the state file is not a ${VERSION}`)
}

/** The root of a tree from the roots of its full blocks of 256 leaves and the leaves behind them. */
export function rootOfBlocks(blocks: Uint8Array, edge: Uint8Array): Uint8Array {
  // Roots of equal subtrees grow together as leaves do.
  const frontier = [blocks, edge].flatMap((hashes) => appendLeaves(emptyTree(), split(hashes)).state.frontier)
  return foldRight(frontier) ?? EMPTY_ROOT
}

function split(hashes: Uint8Array): Uint8Array[] {
  const count = hashes.length / HASH_BYTES
  return Array.from({ length: count }, (_, i) => hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

/** Bytes that grow. */
export class GrowingBytes {
  #bytes = new Uint8Array(1 << 12)
  length = 0

  add(part: Uint8Array): void {
    if (this.length + part.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.length + part.length))
      larger.set(this.#bytes.subarray(0, this.length))
      this.#bytes = larger
    }
    this.#bytes.set(part, this.length)
    this.length += part.length
  }

  /** A view; the next `add` may leave it behind. */
  view(from = 0, to = this.length): Uint8Array {
    return this.#bytes.subarray(from, to)
  }
}
