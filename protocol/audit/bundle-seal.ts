import { base64Encode, utf8Encode } from '#lib/bytes.ts'
import { canonicalJson } from '#lib/canonical-json.ts'
import { BUNDLE_MEMBERS, type BundleManifest } from './bundle.ts'
import { type NoteSigner, openNote, signNote } from './note.ts'
import { sha256 } from './sha256.ts'

/** No checkpoint begins so: a log's origin has a slash behind its host, and the second line of a checkpoint is a number. */
const HEADER = 'gatehouse.bundle/v1'

/** `manifest.json` as it is hashed. */
export function formatManifest(manifest: BundleManifest): Uint8Array<ArrayBuffer> {
  return utf8Encode(`${canonicalJson(manifest)}\n`)
}

/** What the log's key signs: which log, and the hash of the manifest's bytes. */
export function sealText(origin: string, manifest: Uint8Array): string {
  return `${HEADER}\n${origin}\n${BUNDLE_MEMBERS.manifest} ${base64Encode(sha256(manifest))}\n`
}

/** Signs a manifest's bytes as the log. */
export function signSeal(origin: string, manifest: Uint8Array, signer: NoteSigner): Promise<string> {
  return signNote(sealText(origin, manifest), [signer])
}

/** Whether the note is the seal of these bytes. Throws a NoteError when `vkey` did not sign it. */
export async function holdsSeal(note: string, origin: string, manifest: Uint8Array, vkey: string): Promise<boolean> {
  const { text } = await openNote(note, vkey)
  return text === sealText(origin, manifest)
}
