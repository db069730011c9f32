import { concatBytes, equalBytes, utf8Decode } from '#lib/bytes.ts'
import { BUNDLE_MEMBERS, BundleError, type BundleManifest, type BundleReader, manifestSchema } from './bundle.ts'
import { formatManifest, holdsSeal } from './bundle-seal.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { NoteError } from './note.ts'

/** What is read whole; a manifest lists the parts, of which a hundred million events have a thousand. */
const MAX_SMALL_BYTES = 16 * 1_048_576

/** What a bundle says of itself, and whose key it was verified with. */
export type Sealed = { manifest: BundleManifest; checkpoint: Checkpoint; keyFrom: 'given' | 'bundle' }

/**
 * Reads manifest, seal and checkpoint and verifies that one key signed them all.
 * @throws BundleError file_missing · bundle_malformed · seal_invalid · checkpoint_invalid
 */
export async function openSeal(bundle: BundleReader, vkey: string | undefined): Promise<Sealed> {
  const { manifest: manifestName, seal, checkpoint: checkpointName } = BUNDLE_MEMBERS
  const bytes = await readWhole(bundle, manifestName)
  const manifest = parseManifest(bytes)
  const key = vkey ?? manifest.vkey
  try {
    const holds = await holdsSeal(textOf(await readWhole(bundle, seal), seal), manifest.origin, bytes, key)
    if (!holds) throw new BundleError('seal_invalid', manifestName, 'the manifest is not the one that was sealed')
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new BundleError('seal_invalid', seal, error.message, { cause: error })
  }
  try {
    const note = textOf(await readWhole(bundle, checkpointName), checkpointName)
    const { checkpoint } = await openCheckpoint(note, key, manifest.origin)
    if (checkpoint.size < manifest.asOf)
      throw new BundleError(
        'checkpoint_invalid',
        checkpointName,
        `covers ${checkpoint.size} events, not ${manifest.asOf}`,
      )
    return { manifest, checkpoint, keyFrom: vkey === undefined ? 'bundle' : 'given' }
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new BundleError('checkpoint_invalid', checkpointName, error.message, { cause: error })
  }
}

function parseManifest(bytes: Uint8Array): BundleManifest {
  const name = BUNDLE_MEMBERS.manifest
  try {
    const manifest = manifestSchema.parse(JSON.parse(textOf(bytes, name)))
    if (equalBytes(formatManifest(manifest), bytes)) return manifest
  } catch (cause) {
    throw new BundleError('bundle_malformed', name, 'the manifest has not the form of one', { cause })
  }
  throw new BundleError('bundle_malformed', name, 'the manifest is not canonical')
}

async function readWhole(bundle: BundleReader, name: string): Promise<Uint8Array> {
  if (!bundle.names.includes(name)) throw new BundleError('file_missing', name, 'is missing')
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of bundle.read(name)) {
    length += piece.length
    if (length > MAX_SMALL_BYTES) throw new BundleError('bundle_malformed', name, 'is too large')
    pieces.push(piece)
  }
  return concatBytes(...pieces)
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return utf8Decode(bytes)
  } catch (cause) {
    throw new BundleError('bundle_malformed', name, 'is not UTF-8', { cause })
  }
}
