import { utf8Decode } from '#lib/bytes.ts'
import { parseCheckpoint, verifyCosignatures } from '#protocol/audit/checkpoint.ts'
import { TILE_WIDTH } from '#protocol/audit/merkle.ts'
import { NoteError, parseNote, parseVkey } from '#protocol/audit/note.ts'
import { type PurgeCertificate, purgedBy, verifyPurgeCertificate } from '#protocol/audit/purge-certificate.ts'
import { decodeBundle, formatTilePath, tileWidth } from '#protocol/audit/tiles.ts'
import { type LogBatch, type LogVerdict, verifyLog } from '#protocol/audit/verify.ts'
import type { KnownCheckpoint } from '#protocol/audit/verify-known.ts'
import type { LogMemory } from '#protocol/audit/verify-memory.ts'
import { type LogSource, SourceError } from './source.ts'
import { type UncheckedKey, uncheckedKey } from './unchecked-key.ts'

/** What was found, and of which log: `size` of the checkpoint that it was compared with. */
export type SourceVerdict = {
  verdict: LogVerdict
  size: number
  origin: string
  /** The key was taken from the log itself, not given. */
  unchecked: UncheckedKey | null
  /** When the witnesses that were asked for cosigned the checkpoint. */
  cosigned: readonly Cosigned[]
}

/** A witness by its key's name, and the time that it states (RFC 3339). */
export type Cosigned = { witness: string; at: string }

export type VerifyOptions = {
  /** The log's public key; unset: the one it serves. */
  vkey?: string | undefined
  /** Checkpoints that were kept elsewhere: each must be a beginning of the log. */
  against?: readonly KnownCheckpoint[]
  /** Public keys of witnesses, each of which must have cosigned the checkpoint. */
  witnesses?: readonly string[]
  /** What an earlier run remembered: it names what was altered since. */
  memory?: LogMemory | undefined
  /** Now: the time to remember this run by; unset: nothing is remembered. */
  rememberAt?: Date | undefined
  /** Entries read of all of them. */
  onProgress?: ((done: number, size: number) => void) | undefined
}

/**
 * Reads every entry and every tile of a log, rebuilds its tree and compares it with its signed checkpoint and all that is
 * known of it from elsewhere. @throws SourceError when there is nothing to verify
 */
export async function verifySource(source: LogSource, options: VerifyOptions): Promise<SourceVerdict> {
  const checkpoint = await textOf(source, 'checkpoint')
  if (checkpoint === null) throw new SourceError('the log has no checkpoint: nothing was signed yet')
  const { vkey, against, memory, rememberAt, onProgress } = options
  const key = vkey ?? (await textOf(source, 'key'))?.trim()
  if (!key) throw new SourceError('the log serves no key: give it with --key')
  const head = headOf(checkpoint)
  const files = new LogFiles(source, head.size)
  const purged = new Purged(source, { vkey: key, origin: head.origin })
  await purged.read()
  const verdict = await verifyLog({
    mayBeMissing: (index) => purged.has(index),
    checkpoint,
    vkey: key,
    entries: files.entries((missing) => purged.explain(missing)),
    known: against ?? [],
    memory,
    rememberAt,
    onProgress,
    readTile: (level, index, width) => files.tile(level, index, width),
  })
  const cosigned = verdict.ok ? await cosignaturesOn(checkpoint, options.witnesses ?? []) : []
  return { verdict, ...head, unchecked: vkey === undefined ? uncheckedKey('log', key) : null, cosigned }
}

/** @throws SourceError naming the witness that has not cosigned it */
async function cosignaturesOn(checkpoint: string, witnesses: readonly string[]): Promise<Cosigned[]> {
  const cosigned: Cosigned[] = []
  for (const vkey of witnesses) {
    const [found] = await verifyCosignatures(parseNote(checkpoint), [vkey]).catch((error: unknown) => {
      throw error instanceof NoteError ? new SourceError(`--witness: ${error.message}`) : error
    })
    if (!found) throw new SourceError(`the checkpoint is not cosigned by ${parseVkey(vkey).name}`)
    cosigned.push({ witness: found.name, at: new Date(1_000 * found.timestampSeconds).toISOString() })
  }
  return cosigned
}

/** What was removed with a certificate. A certificate that does not hold excuses nothing: the entries it names are then missing. */
class Purged {
  readonly #source: LogSource
  readonly #log: { vkey: string; origin: string }
  readonly #certificates = new Map<string, PurgeCertificate | null>()
  #has: (index: number) => boolean = () => false
  #isOver = false

  constructor(source: LogSource, log: { vkey: string; origin: string }) {
    this.#source = source
    this.#log = log
  }

  has(index: number): boolean {
    return this.#has(index)
  }

  async read(): Promise<void> {
    const ids = (await textOf(this.#source, 'purges'))?.split('\n').filter((id) => /^[0-9a-f-]{36}$/.test(id)) ?? []
    for (const id of ids) if (!this.#certificates.has(id)) this.#certificates.set(id, await this.#open(id))
    this.#has = purgedBy([...this.#certificates.values()].filter((certificate) => certificate !== null))
  }

  /** Entries expire while a log is read: what is missing without a certificate may have one by now. Once one has none, the log does not hold. */
  explain(missing: number): Promise<void> | null {
    return this.#isOver || this.#has(missing) ? null : this.#readFor(missing)
  }

  async #readFor(missing: number): Promise<void> {
    await this.read()
    this.#isOver = !this.#has(missing)
  }

  async #open(id: string): Promise<PurgeCertificate | null> {
    const note = await textOf(this.#source, `purges/${id}`)
    return note === null ? null : verifyPurgeCertificate(note, this.#log).catch(ofNote)
  }
}

function ofNote(error: unknown): null {
  if (error instanceof NoteError) return null
  throw error
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

/** Bundles are asked for so far ahead of where they are verified: one thread hashes while the next are on their way. */
const AHEAD = 8

type Files = { bundle: Promise<Uint8Array | null>; tile: Promise<Uint8Array | null> }

class LogFiles {
  readonly #source: LogSource
  readonly #size: number
  readonly #asked = new Map<number, Files>()
  #isCut = false

  constructor(source: LogSource, size: number) {
    this.#source = source
    this.#size = size
  }

  /** `onMissing` is told each entry that the server no longer has, before what follows it. */
  async *entries(onMissing: (index: number) => Promise<void> | null): AsyncGenerator<LogBatch> {
    const count = Math.ceil(this.#size / TILE_WIDTH)
    for (let index = 0; index < count; index++) {
      for (let ahead = index; ahead < Math.min(count, index + AHEAD); ahead++) this.#ask(ahead)
      const bundle = (await this.#ask(index).bundle) ?? (await this.#beginningOf(index))
      if (!bundle) continue
      const entries = decodeBundle(bundle).slice(0, tileWidth('entries', index, this.#size))
      for (const [place, { length }] of entries.entries()) {
        const reading = length === 0 ? onMissing(index * TILE_WIDTH + place) : null
        if (reading) await reading
      }
      yield* batchesOf(entries, index * TILE_WIDTH)
    }
  }

  /** A log that was cut has of its last bundle only a beginning: the longest that is served. Looked for once. */
  async #beginningOf(index: number): Promise<Uint8Array | null> {
    if (this.#isCut || !this.#source.isWhole) return null
    this.#isCut = true
    let [found, refused] = [0, tileWidth('entries', index, this.#size)]
    let bundle: Uint8Array | null = null
    while (refused - found > 1) {
      const width = Math.floor((found + refused) / 2)
      const shorter = await this.#source.read(formatTilePath({ level: 'entries', index, width }))
      if (shorter === null) refused = width
      else [found, bundle] = [width, shorter]
    }
    const tile = found > 0 ? this.#source.read(formatTilePath({ level: 0, index, width: found })) : null
    if (tile) this.#asked.set(index, { bundle: Promise.resolve(bundle), tile })
    return bundle
  }

  /** A server that has no such tile is held to it; in a folder it is not compared. */
  async tile(level: number, index: number, width: number): Promise<Uint8Array | null> {
    const asked = level === 0 ? this.#asked.get(index) : undefined
    if (asked) this.#asked.delete(index)
    const tile = await (asked?.tile ?? this.#source.read(formatTilePath({ level, index, width })))
    return tile ?? (this.#source.isWhole ? new Uint8Array(0) : null)
  }

  #ask(index: number): Files {
    const known = this.#asked.get(index)
    if (known) return known
    const width = tileWidth(0, index, this.#size)
    const asked = {
      bundle: this.#source.read(formatTilePath({ level: 'entries', index, width })),
      tile: this.#source.read(formatTilePath({ level: 0, index, width })),
    }
    // Whoever waits for them first reports a failure.
    for (const reading of Object.values(asked)) reading.catch(() => {})
    this.#asked.set(index, asked)
    return asked
  }
}

/** An entry without bytes is one that the server no longer has: it leaves a gap. */
function* batchesOf(entries: readonly Uint8Array[], first: number): Generator<LogBatch> {
  let from = 0
  for (let i = 0; i <= entries.length; i++) {
    if (i < entries.length && entries[i]?.length !== 0) continue
    if (i > from) yield { first: first + from, items: entries.slice(from, i).map((bytes) => ({ bytes })) }
    from = i + 1
  }
}

async function textOf(source: LogSource, path: string): Promise<string | null> {
  const bytes = await source.read(path)
  return bytes === null ? null : utf8Decode(bytes)
}
