import type { Checkpoint } from './checkpoint.ts'
import { openCheckpoint } from './checkpoint.ts'
import { NoteError } from './note.ts'
import type { Personal } from './personal.ts'
import type { Problem, VerifyFailureCode } from './verify-differences.ts'
import { KeptCheckpoints, type KnownCheckpoint } from './verify-known.ts'
import type { LogMemory } from './verify-memory.ts'
import { LogVerification } from './verify-run.ts'

export type { Problem, VerifyFailureCode } from './verify-differences.ts'

/** A leaf's bytes, with the personal values kept beside it where they still exist: as they are stored, or parsed. */
export type LogItem = { readonly bytes: Uint8Array; readonly personal?: string | Personal | undefined }

/** Entries that stand one after another; a gap between two batches is entries that are missing. */
export type LogBatch = { readonly first: number; readonly items: readonly LogItem[] }

/** Reads a published tile; null when there is none. It is compared, never believed. */
export type ReadPublishedTile = (
  level: number,
  index: number,
  width: number,
) => Promise<Uint8Array | null> | Uint8Array | null

/** What `verifyLog` reads. */
export type VerifyLogOptions = {
  /** The newest signed checkpoint. */
  readonly checkpoint: string
  readonly vkey: string
  readonly origin?: string | undefined
  readonly entries: Iterable<LogBatch> | AsyncIterable<LogBatch>
  /** How many entries the log says it has, the newest of them not signed yet; those of the checkpoint unless given. */
  readonly size?: number | undefined
  /** Other checkpoints of the same log, kept anywhere: each must be a beginning of it. */
  readonly known?: readonly KnownCheckpoint[]
  readonly readTile?: ReadPublishedTile | undefined
  /** What was remembered when the log last held. */
  readonly memory?: LogMemory | undefined
  /** Makes a new memory when the log holds. */
  readonly rememberAt?: Date | undefined
  /** Whether an entry was removed with a certificate; its published hash then stands for it. */
  readonly mayBeMissing?: ((index: number) => boolean) | undefined
  readonly onProgress?: ((done: number, size: number) => void) | undefined
}

/** The verdict. On failure `code`, `index` and `reason` are those of the first of `problems`. */
export type LogVerdict =
  | {
      readonly ok: true
      readonly checkpoint: Checkpoint
      readonly personalChecked: number
      /** Entries that were removed with a certificate. */
      readonly purged: number
      readonly memory?: LogMemory | undefined
    }
  | {
      readonly ok: false
      readonly code: VerifyFailureCode
      readonly index?: number
      readonly until?: number
      readonly reason: string
      readonly problems: readonly Problem[]
    }

/**
 * Rebuilds a whole log from its entries and compares it with its signed checkpoint, with every other checkpoint that is known,
 * and with every published tile of all levels. Nothing the server computed is believed. Reads the entries once, in order.
 *
 * What names the entry: a published hash that leads to the signed root where the entry's own does not; the memory of an earlier
 * verification; a hash of a higher level; the time at which a checkpoint over it was kept. Where an attacker left none of
 * these, the problem says between which entries it lies: those two sizes are the nearest checkpoints that are known.
 */
export async function verifyLog(options: VerifyLogOptions): Promise<LogVerdict> {
  try {
    const { checkpoint } = await openCheckpoint(options.checkpoint, options.vkey, options.origin)
    const known = [{ note: options.checkpoint }, ...(options.known ?? []), ...remembered(options.memory)]
    const kept = new KeptCheckpoints(known, options.vkey, options.origin)
    await kept.openFew()
    return await new LogVerification(checkpoint, kept, options).run()
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    const problem: Problem = { code: 'checkpoint_invalid', reason: error.message }
    return { ok: false, ...problem, problems: [problem] }
  }
}

function remembered(memory: LogMemory | undefined): KnownCheckpoint[] {
  return memory && memory.size > 0 ? [{ note: memory.checkpoint, at: memory.verifiedAt }] : []
}
