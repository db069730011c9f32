import { base64Encode } from '#lib/bytes.ts'
import { verifyCosignatures } from './checkpoint.ts'
import { NoteError, parseNote, parseVkey, SIGNATURE_TYPES, type VerifierKey } from './note.ts'

/** More hashes than this cannot be in a consistency proof (c2sp.org/tlog-witness, add-checkpoint). */
const MAX_HASHES = 63

/** What a witness is asked: to cosign `note`, which extends the checkpoint of `oldSize` leaves by `proof`. */
export type AddCheckpoint = {
  /** The size of the newest checkpoint that the witness has cosigned, 0 for none. */
  readonly oldSize: number
  /** RFC 6962 section 2.1.2; empty when `oldSize` is 0 or the size of `note`. */
  readonly proof: readonly Uint8Array[]
  /** The signed checkpoint, word for word. */
  readonly note: string
}

/** A witness's signature line on a checkpoint, ready to be put below it, and when it says it saw it (seconds since 1970). */
export type WitnessCosignature = { readonly line: string; readonly timestampSeconds: number }

/** The body of a POST to `PREFIX/add-checkpoint` (c2sp.org/tlog-witness). Throws a RangeError for an impossible size or proof. */
export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0) throw new RangeError(`${oldSize} is not a tree size`)
  if (proof.length > MAX_HASHES) throw new RangeError(`a consistency proof has at most ${MAX_HASHES} hashes`)
  return [`old ${oldSize}`, ...proof.map(base64Encode), '', note].join('\n')
}

/** The size in the answer 409: the newest that the witness has cosigned. Throws a NoteError when it is none. */
export function parseWitnessSize(body: string): number {
  const [, digits] = /^(0|[1-9]\d{0,15})\n$/.exec(body) ?? []
  const size = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(size))
    throw new NoteError('the witness’s answer is not a tree size')
  return size
}

/** Reads the public key of a witness. Throws a NoteError unless it is an Ed25519 key for cosignatures (type 0x04). */
export function parseWitnessVkey(vkey: string): VerifierKey {
  const key = parseVkey(vkey)
  if (key.type !== SIGNATURE_TYPES.cosignature) {
    throw new NoteError(`the key of ${key.name} signs notes; a witness's key has the type 4`)
  }
  return key
}

/**
 * The witness's own cosignature in its answer 200 to `note`, the newest if there are several; lines of other keys are ignored
 * (c2sp.org/tlog-cosignature). Throws a NoteError when there is none or when one under this key does not hold.
 */
export async function readCosignature(note: string, body: string, vkey: string): Promise<WitnessCosignature> {
  const { name, keyId } = parseWitnessVkey(vkey)
  if (!body.endsWith('\n')) throw new NoteError('the witness’s answer does not end in a newline')
  const { text } = parseNote(note)
  const found: WitnessCosignature[] = []
  for (const line of body.slice(0, -1).split('\n')) {
    const parsed = parseNote(`${text}\n${line}\n`)
    if (!parsed.signatures.some((signature) => signature.name === name && signature.keyId === keyId)) continue
    const held = await verifyCosignatures(parsed, [vkey])
    found.push(...held.map(({ timestampSeconds }) => ({ line, timestampSeconds })))
  }
  const [newest] = found.toSorted((a, b) => b.timestampSeconds - a.timestampSeconds)
  if (newest === undefined) throw new NoteError(`the witness’s answer has no cosignature of ${name}`)
  return newest
}

/** `note` with the lines of its cosignatures below its own signature. */
export function addCosignatures(note: string, lines: readonly string[]): string {
  return `${note}${lines.map((line) => `${line}\n`).join('')}`
}
