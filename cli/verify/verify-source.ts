import { utf8Decode } from '#lib/bytes.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { TILE_WIDTH } from '#protocol/audit/merkle.ts'
import { NoteError, parseNote } from '#protocol/audit/note.ts'
import { decodeBundle, formatTilePath, tileWidth } from '#protocol/audit/tiles.ts'
import { type LogItem, type LogVerdict, verifyLog } from '#protocol/audit/verify.ts'
import { type LogSource, SourceError } from './source.ts'

export type SourceVerdict = {
  verdict: LogVerdict
  size: number
  origin: string /** Taken from the log itself, not given. */
  isKeyServed: boolean
}

type Options = {
  /** The log's public key; unset: the one it serves. */ vkey?:
    | string
    | undefined /** Earlier checkpoints it must extend. */
  against?: readonly string[]
}

/**
 * Downloads every entry of a log, rebuilds its tree and compares it with its signed checkpoint. Tiles are only read to name
 * the entry that differs. @throws SourceError when there is nothing to verify
 */
export async function verifySource(source: LogSource, { vkey, against = [] }: Options): Promise<SourceVerdict> {
  const checkpoint = await textOf(source, 'checkpoint')
  if (checkpoint === null) throw new SourceError('the log has no checkpoint: nothing was signed yet')
  const key = vkey ?? (await textOf(source, 'key'))?.trim()
  if (!key) throw new SourceError('the log serves no key: give it with --key')
  const head = headOf(checkpoint)
  const verdict = await verifyLog({
    checkpoint,
    vkey: key,
    entries: entriesOf(source, head.size),
    earlierCheckpoints: against,
    readLeafTile: (index, width) => source(formatTilePath({ level: 0, index, width })),
  })
  return { verdict, ...head, isKeyServed: vkey === undefined }
}

function headOf(checkpoint: string): { size: number; origin: string } {
  try {
    return parseCheckpoint(parseNote(checkpoint).text)
  } catch (error) {
    // verifyLog says the same, as its verdict.
    if (error instanceof NoteError) return { size: 0, origin: '' }
    throw error
  }
}

async function* entriesOf(source: LogSource, size: number): AsyncGenerator<LogItem> {
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = tileWidth('entries', index, size)
    const bundle = await source(formatTilePath({ level: 'entries', index, width }))
    // A missing bundle ends the log: the verdict names its first entry.
    if (bundle === null) return
    for (const bytes of decodeBundle(bundle)) yield { bytes }
  }
}

async function textOf(source: LogSource, path: string): Promise<string | null> {
  const bytes = await source(path)
  return bytes === null ? null : utf8Decode(bytes)
}
