import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64urlDecode,
  concatBytes,
  utf8Decode,
  utf8Encode,
} from '#lib/bytes.ts'
import { sha256 } from './sha256.ts'

/** Signature types of c2sp.org/signed-note: a plain Ed25519 signature, and a witness's timestamped cosignature. */
export const SIGNATURE_TYPES = { ed25519: 0x01, cosignature: 0x04 } as const
/** The type byte of a key. */
export type SignatureType = (typeof SIGNATURE_TYPES)[keyof typeof SIGNATURE_TYPES]

/** A note or key that is not what the format demands, or whose signature does not hold. */
export class NoteError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'NoteError'
  }
}

/** One signature line: who claims to have signed, with which key, and the bytes after the key's id. */
export type NoteSignature = { readonly name: string; readonly keyId: number; readonly signature: Uint8Array }
/** A note taken apart, nothing verified: the text ends in a newline. */
export type ParsedNote = { readonly text: string; readonly signatures: readonly NoteSignature[] }

/** A public key in the form `name+keyid+base64` (vkey), taken apart. */
export type VerifierKey = {
  readonly name: string
  readonly keyId: number
  readonly type: SignatureType
  readonly publicKey: Bytes
}

/** Signs notes with an Ed25519 key; `sign` returns one signature line with its newline. */
export type NoteSigner = {
  readonly name: string
  readonly vkey: string
  readonly sign: (text: string) => Promise<string>
}

const DASH = '—'
const PKCS8_ED25519 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)
const KEY_BYTES = 32
const MAX_SIGNATURES = 64
// Controls below U+0020 but the newline.
const FORBIDDEN = /[^\n\P{Cc}]/u

/** Whether `name` may be a key's name: not empty, no white space, no plus, no control character. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && !/[\s+\p{Z}\p{C}]/u.test(name)
}

/** The first four bytes of SHA-256 over name, newline, type and public key, as an unsigned number. */
export function keyIdOf(name: string, type: SignatureType, publicKey: Uint8Array): number {
  const hash = sha256(concatBytes(utf8Encode(`${name}\n`), Uint8Array.of(type), publicKey))
  return new DataView(hash.buffer).getUint32(0)
}

/** The public key as text, `name+keyid+base64(type ‖ key)`. */
export function formatVkey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${name}+${hex(keyId)}+${base64Encode(concatBytes(Uint8Array.of(type), publicKey))}`
}

/** Reads a public key's text. Throws a NoteError unless form, type and key id are right. */
export function parseVkey(vkey: string): VerifierKey {
  const { name, keyId, type, key } = parseKey(vkey, 'verifier key')
  if (type !== SIGNATURE_TYPES.ed25519 && type !== SIGNATURE_TYPES.cosignature) {
    throw new NoteError(`the verifier key has the unknown type ${type}`)
  }
  if (keyIdOf(name, type, key) !== keyId) throw new NoteError('the verifier key has a key id that is not its own')
  return { name, keyId, type, publicKey: key }
}

/** What people compare a public key by: base64 of SHA-256 over the key's bytes, without its name. Throws a NoteError as `parseVkey` does. */
export function keyFingerprint(vkey: string): string {
  return base64Encode(sha256(parseVkey(vkey).publicKey))
}

/** A new Ed25519 key pair for `name`: `skey` is secret (`PRIVATE+KEY+name+keyid+base64`), `vkey` is public. */
export async function generateNoteKey(name: string): Promise<{ skey: string; vkey: string }> {
  return noteKeyFromSeed(name, crypto.getRandomValues(new Uint8Array(KEY_BYTES)))
}

/** The key pair of a 32-byte Ed25519 seed. */
export async function noteKeyFromSeed(name: string, seed: Bytes): Promise<{ skey: string; vkey: string }> {
  if (!isKeyName(name)) throw new NoteError('a key name has no white space and no plus, and is not empty')
  const type = SIGNATURE_TYPES.ed25519
  const { publicKey } = await importSeed(seed)
  const keyId = keyIdOf(name, type, publicKey)
  const skey = `PRIVATE+KEY+${name}+${hex(keyId)}+${base64Encode(concatBytes(Uint8Array.of(type), seed))}`
  return { skey, vkey: formatVkey({ name, keyId, type, publicKey }) }
}

/** A signer of the secret key text. Throws a NoteError unless it is an Ed25519 note key with its own key id. */
export async function noteSigner(skey: string): Promise<NoteSigner> {
  const prefix = 'PRIVATE+KEY+'
  if (!skey.startsWith(prefix)) throw new NoteError('the signing key does not start with PRIVATE+KEY+')
  const { name, keyId, type, key } = parseKey(skey.slice(prefix.length), 'signing key')
  if (type !== SIGNATURE_TYPES.ed25519) throw new NoteError('the signing key is not an Ed25519 note key')
  const { publicKey, privateKey } = await importSeed(key)
  if (keyIdOf(name, type, publicKey) !== keyId) throw new NoteError('the signing key has a key id that is not its own')
  return {
    name,
    vkey: formatVkey({ name, keyId, type, publicKey }),
    sign: async (text) => {
      const signature = await crypto.subtle.sign('Ed25519', privateKey, utf8Encode(checkText(text)))
      return formatSignature({ name, keyId, signature: new Uint8Array(signature) })
    },
  }
}

/** Signs `text` (which ends in a newline) with each signer, in order. Throws a NoteError when it cannot be a note. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  const lines = await Promise.all(signers.map((signer) => signer.sign(text)))
  return `${text}\n${lines.join('')}`
}

/** Adds a signature line, such as a witness's, to a note. */
export function addSignature(note: string, signature: NoteSignature): string {
  return `${note}${formatSignature(signature)}`
}

/** Takes a note apart without verifying anything. Throws a NoteError when it has not the form of one. */
export function parseNote(note: string): ParsedNote {
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) throw new NoteError('a note has a text, an empty line and signature lines')
  const text = checkText(note.slice(0, split + 1))
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new NoteError(`a note has at most ${MAX_SIGNATURES} signatures here`)
  return { text, signatures: lines.map(parseSignature) }
}

/** Reads UTF-8 bytes as a note's text. Throws a NoteError on malformed UTF-8. */
export function noteFromBytes(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes)
  } catch (cause) {
    throw new NoteError('a note is UTF-8', { cause })
  }
}

/**
 * Verifies a note with the Ed25519 key of `vkey` and returns it taken apart. Throws a NoteError when that key did not sign it,
 * or when any signature under its name and id fails; signatures of other keys are ignored (c2sp.org/signed-note).
 */
export async function openNote(note: string, vkey: string): Promise<ParsedNote> {
  const parsed = parseNote(note)
  const key = parseVkey(vkey)
  if (key.type !== SIGNATURE_TYPES.ed25519) throw new NoteError('the verifier key is not for notes')
  const own = signaturesOf(parsed, key)
  if (own.length === 0) throw new NoteError(`the note is not signed by ${key.name}+${hex(key.keyId)}`)
  for (const { signature } of own) {
    const holds = await verifyEd25519(key.publicKey, signature, utf8Encode(parsed.text))
    if (!holds) throw new NoteError(`the signature of ${key.name} does not hold`)
  }
  return parsed
}

/** The signatures of a note that claim this key's name and id. */
export function signaturesOf(note: ParsedNote, key: VerifierKey): readonly NoteSignature[] {
  return note.signatures.filter(({ name, keyId }) => name === key.name && keyId === key.keyId)
}

/** Whether an Ed25519 signature (RFC 8032) holds; false also for keys and signatures of a wrong length. */
export async function verifyEd25519(publicKey: Uint8Array, signature: Uint8Array, message: Bytes): Promise<boolean> {
  if (publicKey.length !== KEY_BYTES || signature.length !== 64) return false
  const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), 'Ed25519', false, ['verify'])
  return crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), message)
}

function checkText(text: string): string {
  if (!text.endsWith('\n')) throw new NoteError('the text of a note ends in a newline')
  if (FORBIDDEN.test(text) || !text.isWellFormed()) throw new NoteError('the text of a note holds a control character')
  return text
}

function formatSignature({ name, keyId, signature }: NoteSignature): string {
  const id = new Uint8Array(4)
  new DataView(id.buffer).setUint32(0, keyId)
  return `${DASH} ${name} ${base64Encode(concatBytes(id, signature))}\n`
}

function parseSignature(line: string): NoteSignature {
  const [dash, name = '', encoded = '', ...more] = line.split(' ')
  if (dash !== DASH || more.length > 0 || !isKeyName(name))
    throw new NoteError(`not a signature line: ${line.slice(0, 80)}`)
  const bytes = decodeBase64(encoded, 'a signature')
  if (bytes.length < 5) throw new NoteError('a signature is too short')
  return { name, keyId: new DataView(bytes.buffer).getUint32(0), signature: bytes.subarray(4) }
}

function parseKey(text: string, what: string): { name: string; keyId: number; type: number; key: Bytes } {
  // Base64 may hold a plus, names and key ids never do.
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(text)
  const [, name = '', id = '', encoded = ''] = match ?? []
  if (match === null || !isKeyName(name)) throw new NoteError(`the ${what} has not the form name+keyid+base64`)
  const bytes = decodeBase64(encoded, `the ${what}`)
  if (bytes.length !== 1 + KEY_BYTES) throw new NoteError(`the ${what} has ${bytes.length} bytes, 33 are needed`)
  return { name, keyId: Number.parseInt(id, 16), type: bytes[0] ?? 0, key: bytes.slice(1) }
}

function decodeBase64(text: string, what: string): Bytes {
  try {
    return base64Decode(text)
  } catch (cause) {
    throw new NoteError(`${what} is not base64`, { cause })
  }
}

async function importSeed(seed: Bytes): Promise<{ publicKey: Bytes; privateKey: CryptoKey }> {
  if (seed.length !== KEY_BYTES) throw new NoteError(`an Ed25519 seed has ${KEY_BYTES} bytes, got ${seed.length}`)
  const pkcs8 = concatBytes(PKCS8_ED25519, seed)
  const exportable = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign'])
  const jwk = await crypto.subtle.exportKey('jwk', exportable)
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign'])
  return { publicKey: base64urlDecode(jwk.x ?? ''), privateKey }
}

function hex(keyId: number): string {
  return keyId.toString(16).padStart(8, '0')
}
