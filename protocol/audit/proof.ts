import { type Bytes, base64Decode, base64Encode } from '#lib/bytes.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { HASH_BYTES, leafHash } from './merkle.ts'
import { verifyInclusion } from './merkle-verify.ts'
import { NoteError } from './note.ts'

/** A proof that an entry is in a log (c2sp.org/tlog-proof); `checkpoint` is the signed note word for word. */
export type TlogProof = {
  readonly index: number
  readonly hashes: readonly Uint8Array[]
  readonly checkpoint: string
  /** Anything the writer adds; nobody signs it. We put the entry's bytes here, so that one file proves itself. */
  readonly extra?: Bytes | undefined
}

const HEADER = 'c2sp.org/tlog-proof@v1'
const MAX_HASHES = 63

/** The text of a `.tlog-proof` file. */
export function formatTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const lines = [HEADER]
  if (extra !== undefined) lines.push(`extra ${base64Encode(extra)}`)
  lines.push(`index ${index}`, ...hashes.map((hash) => base64Encode(hash)), '')
  return `${lines.join('\n')}\n${checkpoint}`
}

/** Reads a `.tlog-proof`; verifies nothing. Throws a NoteError naming what is wrong. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n')
  if (split < 0) throw new NoteError('the proof has no empty line before its checkpoint')
  const [header, ...lines] = text.slice(0, split).split('\n')
  if (header !== HEADER) throw new NoteError(`the proof does not start with ${HEADER}`)
  const extra = lines[0]?.startsWith('extra ')
    ? decode(lines.shift()?.slice('extra '.length) ?? '', 'extra')
    : undefined
  const index = parseIndex(lines.shift())
  if (lines.length > MAX_HASHES) throw new NoteError(`the proof has more than ${MAX_HASHES} hashes`)
  return { index, hashes: lines.map(parseHash), checkpoint: text.slice(split + 2), extra }
}

/**
 * Verifies a `.tlog-proof` of `entry` (the leaf's bytes; by default the proof's own `extra`) with the log's `vkey`.
 * Returns the checkpoint it leads to; throws a NoteError saying what does not hold.
 */
export async function verifyTlogProof(options: {
  proof: string
  vkey: string
  entry?: Uint8Array
  origin?: string
}): Promise<{ checkpoint: Checkpoint; index: number; entry: Uint8Array }> {
  const proof = parseTlogProof(options.proof)
  const entry = options.entry ?? proof.extra
  if (entry === undefined) throw new NoteError('the proof does not carry its entry, and none was given')
  const { checkpoint } = await openCheckpoint(proof.checkpoint, options.vkey, options.origin)
  const { root, size } = checkpoint
  const holds = verifyInclusion({ index: proof.index, size, leafHash: leafHash(entry), proof: proof.hashes, root })
  if (!holds) throw new NoteError(`the entry is not number ${proof.index} of the ${size} entries of the checkpoint`)
  return { checkpoint, index: proof.index, entry }
}

function parseIndex(line: string | undefined): number {
  const [, digits] = /^index (0|[1-9]\d*)$/.exec(line ?? '') ?? []
  const index = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(index)) throw new NoteError('the proof has no line "index N"')
  return index
}

function parseHash(line: string): Uint8Array {
  const hash = decode(line, 'a hash')
  if (hash.length !== HASH_BYTES) throw new NoteError(`a hash of the proof has ${hash.length} bytes`)
  return hash
}

function decode(text: string, what: string): Bytes {
  try {
    return base64Decode(text)
  } catch (cause) {
    throw new NoteError(`${what} of the proof is not base64`, { cause })
  }
}
