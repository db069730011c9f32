import { base64Decode, base64Encode, utf8Encode } from '#lib/bytes.ts'
import { HASH_BYTES } from './merkle.ts'
import {
  NoteError,
  type NoteSigner,
  openNote,
  type ParsedNote,
  parseVkey,
  SIGNATURE_TYPES,
  signaturesOf,
  signNote,
  verifyEd25519,
} from './note.ts'

/** A tree head (c2sp.org/tlog-checkpoint): which log, how many leaves, which root. `extensions` are lines we never write. */
export type Checkpoint = {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  readonly extensions: readonly string[]
}

/** A cosignature that holds: which witness saw the checkpoint, and when (seconds since 1970). */
export type Cosignature = { readonly name: string; readonly timestampSeconds: number }

/** The text that is signed. Throws a NoteError when a member cannot stand on its line. */
export function formatCheckpoint({ origin, size, root }: Omit<Checkpoint, 'extensions'>): string {
  if (origin === '' || /\p{Cc}/u.test(origin)) throw new NoteError('the origin is empty or holds a control character')
  if (!Number.isSafeInteger(size) || size < 0) throw new NoteError(`${size} is not a tree size`)
  if (root.length !== HASH_BYTES) throw new NoteError(`a root has ${HASH_BYTES} bytes, got ${root.length}`)
  return `${origin}\n${size}\n${base64Encode(root)}\n`
}

/** Reads a checkpoint's text; verifies nothing. Throws a NoteError naming the line that is wrong. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw new NoteError('a checkpoint ends in a newline')
  const lines = text.slice(0, -1).split('\n')
  const [origin = '', size = '', root = '', ...extensions] = lines
  if (lines.includes('')) throw new NoteError(`line ${lines.indexOf('') + 1} of the checkpoint is empty`)
  if (!/^(?:0|[1-9]\d*)$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new NoteError('line 2 of the checkpoint is not a tree size')
  }
  return { origin, size: Number(size), root: parseRoot(root), extensions }
}

/** Signs a tree head as the log. The caller makes sure that it extends every one signed before. */
export function signCheckpoint(head: Omit<Checkpoint, 'extensions'>, signer: NoteSigner): Promise<string> {
  return signNote(formatCheckpoint(head), [signer])
}

/**
 * Verifies a signed checkpoint with the log's `vkey` and its `origin` (the key's name unless given). Throws a NoteError when
 * the signature fails or another log's checkpoint is shown.
 */
export async function openCheckpoint(
  note: string,
  vkey: string,
  origin = parseVkey(vkey).name,
): Promise<{ checkpoint: Checkpoint; note: ParsedNote }> {
  const parsed = await openNote(note, vkey)
  const checkpoint = parseCheckpoint(parsed.text)
  if (checkpoint.origin !== origin) throw new NoteError(`the checkpoint is of ${checkpoint.origin}, not of ${origin}`)
  return { checkpoint, note: parsed }
}

/**
 * The cosignatures of a checkpoint that hold under the witnesses' keys (vkeys of type 0x04, c2sp.org/tlog-cosignature).
 * Unknown witnesses are ignored; throws a NoteError when a known one's signature fails.
 */
export async function verifyCosignatures(note: ParsedNote, witnessVkeys: readonly string[]): Promise<Cosignature[]> {
  const found: Cosignature[] = []
  for (const vkey of witnessVkeys) {
    const key = parseVkey(vkey)
    if (key.type !== SIGNATURE_TYPES.cosignature) throw new NoteError(`the key of ${key.name} is not a witness's`)
    for (const { name, signature } of signaturesOf(note, key)) {
      const timestampSeconds = readTimestamp(signature)
      const message = utf8Encode(cosignedText(timestampSeconds, note.text))
      if (!(await verifyEd25519(key.publicKey, signature.subarray(8), message))) {
        throw new NoteError(`the cosignature of ${name} does not hold`)
      }
      found.push({ name, timestampSeconds })
    }
  }
  return found
}

/** The text that a witness signs with Ed25519 for a checkpoint's text. */
export function cosignedText(timestampSeconds: number, checkpointText: string): string {
  return `cosignature/v1\ntime ${timestampSeconds}\n${checkpointText}`
}

function readTimestamp(signature: Uint8Array): number {
  if (signature.length !== 72) throw new NoteError(`a cosignature has 72 bytes, got ${signature.length}`)
  const seconds = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)
  if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) throw new NoteError('a cosignature has an impossible time')
  return Number(seconds)
}

function parseRoot(line: string): Uint8Array {
  try {
    const root = base64Decode(line)
    if (root.length === HASH_BYTES) return root
  } catch {
    // Reported below, together with a wrong length.
  }
  throw new NoteError('line 3 of the checkpoint is not the base64 of a hash')
}
