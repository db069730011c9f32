import { open } from 'node:fs/promises'
import { utf8Decode } from '#lib/bytes.ts'
import { BundleError, type BundleSource, type BundleVerdict } from '#protocol/audit/bundle.ts'
import { verifyBundle } from '#protocol/audit/bundle-verify.ts'
import { openZip } from '#protocol/audit/bundle-zip.ts'
import { decodeEntry } from '#protocol/audit/entry.ts'
import { EntryError } from '#protocol/audit/entry-check.ts'
import { NoteError } from '#protocol/audit/note.ts'
import { verifyTlogProof } from '#protocol/audit/proof.ts'
import { isPurgeCertificate, verifyPurgeCertificate } from '#protocol/audit/purge-certificate.ts'
import { SourceError } from './source.ts'
import { type UncheckedKey, uncheckedKey } from './unchecked-key.ts'

/** What a file turned out to be and whether it holds; `line` says it to a person. `unchecked`: by the key that it brought. */
export type FileVerdict =
  | { ok: true; answer: Record<string, unknown>; line: string; unchecked: UncheckedKey | null }
  | { ok: false; code: string; index?: number | undefined; reason: string }

const HEAD_BYTES = 64
/** A text larger than this is no proof and no certificate. */
const MOST_TEXT_BYTES = 64 * 1024 * 1024

/** Verifies a sealed bundle, a `.tlog-proof` or a purge certificate. @throws SourceError when it is none of these */
export async function verifyFile(path: string, vkey: string | undefined): Promise<FileVerdict> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const head = (await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0)).buffer
    if (head[0] === 0x50 && head[1] === 0x4b) return await bundleVerdict(sourceOf(file, size), vkey)
    if (size > MOST_TEXT_BYTES) throw unknownFile(path)
    const text = utf8Decode(await file.readFile())
    if (!text.startsWith('c2sp.org/tlog-proof@') && !isPurgeCertificate(text)) throw unknownFile(path)
    if (vkey === undefined)
      throw new SourceError('--key is required: a proof says nothing without the log’s public key')
    return isPurgeCertificate(text) ? await certificateVerdict(text, vkey) : await proofVerdict(text, vkey)
  } catch (error) {
    if (error instanceof TypeError && error.message.includes('encoded data')) throw unknownFile(path)
    throw error
  } finally {
    await file.close()
  }
}

function unknownFile(path: string): SourceError {
  return new SourceError(`${path} is neither a sealed bundle, a .tlog-proof nor a purge certificate`)
}

type OpenFile = Awaited<ReturnType<typeof open>>

function sourceOf(file: OpenFile, sizeBytes: number): BundleSource {
  const read = async (from: number, to: number) => {
    const bytes = new Uint8Array(to - from)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
    return bytes.subarray(0, bytesRead)
  }
  return { sizeBytes, read }
}

async function bundleVerdict(source: BundleSource, vkey: string | undefined): Promise<FileVerdict> {
  const verdict = await checkBundle(source, vkey)
  if (!verdict.ok) return verdict
  const { manifest, checkpoint, events, personalChecked, keyFrom } = verdict
  const { kind } = manifest
  const answer = { kind, origin: checkpoint.origin, size: checkpoint.size, events, personalChecked }
  const said = events === 1 ? `the one event of the ${kind} stands` : `all ${events} events of the ${kind} stand`
  const line = `${checkpoint.origin}: ${said} in the signed log of ${checkpoint.size} entries`
  return { ok: true, answer, line, unchecked: keyFrom === 'bundle' ? uncheckedKey('bundle', manifest.vkey) : null }
}

async function checkBundle(source: BundleSource, vkey: string | undefined): Promise<BundleVerdict> {
  try {
    return await verifyBundle(await openZip(source), { vkey })
  } catch (error) {
    if (!(error instanceof BundleError)) throw error
    return {
      ok: false,
      code: error.code,
      member: error.member,
      row: error.row,
      index: error.index,
      reason: error.message,
    }
  }
}

async function proofVerdict(proof: string, vkey: string): Promise<FileVerdict> {
  try {
    const { checkpoint, index, entry } = await verifyTlogProof({ proof, vkey })
    const { origin, size } = checkpoint
    const event = decodeEntry(entry)
    const line = `${origin}: entry ${index} (${event.action}, ${event.occurredAt}) stands in the signed log of ${size} entries`
    return { ok: true, answer: { kind: 'proof', origin, size, index, entry: event }, line, unchecked: null }
  } catch (error) {
    return refusal(error)
  }
}

async function certificateVerdict(text: string, vkey: string): Promise<FileVerdict> {
  try {
    const { origin, count, removed, certifiedAt } = await verifyPurgeCertificate(text, { vkey })
    const line = `${origin}: ${count} entries were removed at the end of their time, certified at ${certifiedAt}`
    return { ok: true, answer: { kind: 'purge', origin, events: count, removed, certifiedAt }, line, unchecked: null }
  } catch (error) {
    return refusal(error)
  }
}

function refusal(error: unknown): FileVerdict {
  if (error instanceof NoteError) return { ok: false, code: 'proof_invalid', reason: error.message }
  if (error instanceof EntryError) return { ok: false, code: 'entry_malformed', reason: error.message }
  throw error
}
