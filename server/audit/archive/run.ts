import 'server-only'
import { ifAlone } from '#server/kernel/alone.ts'
import { now } from '#server/kernel/clock.ts'
import { readTransaction, systemTransaction } from '#server/kernel/db.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { createLog } from '#server/kernel/log.ts'
import { expiryOf, keepingRun } from '../keeping/rules.ts'
import type { Head } from '../tree.ts'
import { checkLog } from '../witness/check-log.ts'
import type { WrittenFile } from './draft.ts'
import { type RecordedFile, readColdTo, readRecordedFiles } from './files.ts'
import { goCold } from './go-cold.ts'
import { type ArchiveProblem, ColdFileProblem } from './problem.ts'
import { recordFiles, withdrawFiles } from './record.ts'
import { sweepArchive } from './rewrite.ts'
import { readArchiveDays } from './rule.ts'
import { requireBytes, verifyColdFile } from './verify.ts'
import { FILE_ENTRIES, writeColdFile } from './write.ts'

const log = createLog('archive')

/** What is recorded together, in one entry of the log: so many files, or files of so many entries. */
const RECORDED_FILES = 31
const RECORDED_ENTRIES = 1_000_000
/** What may wait in files before it goes from the tables: around the boundary the index is built anew each time. */
const WAITING_ENTRIES = 4_000_000

/** Where a run has come; tests end the process there. */
export type ArchiveStep = 'written' | 'verified' | 'recorded' | 'cold'
export type ArchiveOptions = {
  fileEntries?: number
  recordedFiles?: number
  /** After so many entries have gone cold the rest waits for another turn; default: never. */
  turnEntries?: number
  onStep?: (step: ArchiveStep) => void | Promise<void>
  onFile?: (file: WrittenFile) => void
}
/**
 * How a run ended. `isBusy`: another process was at this organisation's archive. `isMore`: its turn was over, there may be more.
 * `problem`: why it did not go on.
 */
export type Archived = {
  files: number
  events: number
  bytes: number
  isBusy: boolean
  isMore: boolean
  problem: ArchiveProblem | null
}

const NOTHING: Archived = { files: 0, events: 0, bytes: 0, isBusy: false, isMore: false, problem: null }

/**
 * Archives what is old enough: each file is written, read back whole, recorded in the log, and only then its entries go from the
 * tables. A process that dies anywhere goes on there the next time. One at a time for each organisation, and never beside a purge.
 * What is wrong with files or entries is told in `problem` and tried again the next time; a bug is thrown.
 */
export async function archiveTenant(tenantId: string, options: ArchiveOptions = {}): Promise<Archived> {
  const done = await ifAlone(keepingRun(tenantId), async (requireLock) => {
    const run = new Run(tenantId, options, requireLock)
    try {
      await run.all()
    } catch (error) {
      await run.giveUp(asProblem(error))
    }
    if (run.isConcerned) await noteRun(tenantId, run.done.problem)
    return run.done
  })
  return done ?? { ...NOTHING, isBusy: true }
}

/** What is nobody's fault but the files' or the entries' is told and tried again the next night; a bug is thrown. */
function asProblem(error: unknown): ColdFileProblem {
  if (error instanceof ColdFileProblem) return error
  // Gone or cut: its entries are in the tables still, and it is written again.
  if (isAppError(error) && error.cause instanceof ColdFileProblem) return error.cause
  if (isAppError(error) && error.code === 'unavailable')
    return new ColdFileProblem('unavailable', null, { cause: error })
  throw error
}

class Run {
  readonly #tenantId: string
  readonly #options: ArchiveOptions
  readonly done: Archived = { ...NOTHING }
  isConcerned = false
  #waiting: WrittenFile[] = []
  readonly #requireLock: () => Promise<void>

  constructor(tenantId: string, options: ArchiveOptions, requireLock: () => Promise<void>) {
    this.#tenantId = tenantId
    this.#options = options
    this.#requireLock = requireLock
  }

  async all(): Promise<void> {
    const { days, coldTo, files } = await this.#recorded()
    this.#waiting = files.filter(({ state }) => state === 'written')
    this.isConcerned = days !== null || this.#waiting.length > 0
    // What a crash left.
    await sweepArchive(this.#tenantId)
    await this.#goCold()
    if (days === null) return
    const { head, size } = await this.#signed()
    const before = expiryOf(days, now()) ?? new Date(0)
    const { turnEntries = Number.POSITIVE_INFINITY } = this.#options
    // Of the latest day nothing may be left.
    for (let from = Math.max(coldTo, files.at(-1)?.to ?? 0); ; ) {
      const batch = await this.#writeBatch(from, { size, before, head })
      const last = batch.at(-1)
      if (!last) break
      await this.#requireLock()
      await recordFiles(this.#tenantId, batch)
      await this.#options.onStep?.('recorded')
      this.#waiting.push(...batch)
      if (sumOf(this.#waiting, 'entries') >= WAITING_ENTRIES) await this.#goCold()
      from = last.to
      this.done.isMore = this.done.events + sumOf(this.#waiting, 'entries') >= turnEntries
      if (this.done.isMore) break
    }
    await this.#goCold()
    await sweepArchive(this.#tenantId)
  }

  #recorded(): Promise<{ days: number | null; coldTo: number; files: RecordedFile[] }> {
    const tenantId = this.#tenantId
    return readTransaction(tenantId, async ({ sql }) => ({
      days: await readArchiveDays(sql, tenantId),
      coldTo: await readColdTo(sql, tenantId),
      files: await readRecordedFiles(sql, tenantId),
    }))
  }

  async #signed(): Promise<{ head: Head; size: number }> {
    const { state, head, stored } = await readTransaction(this.#tenantId, ({ sql }) => checkLog(sql, this.#tenantId))
    if (state === 'unsigned') return { head, size: 0 }
    if (state !== 'ok' || !stored) throw new ColdFileProblem('unsigned')
    return { head, size: stored.size }
  }

  async #writeBatch(start: number, of: { size: number; before: Date; head: Head }): Promise<WrittenFile[]> {
    const { fileEntries = FILE_ENTRIES, recordedFiles = RECORDED_FILES, onStep, onFile } = this.#options
    const batch: WrittenFile[] = []
    for (let from = start; batch.length < recordedFiles && sumOf(batch, 'entries') < RECORDED_ENTRIES; ) {
      const file = await writeColdFile(this.#tenantId, { ...of, from, fileEntries })
      if (!file) break
      await onStep?.('written')
      await verifyColdFile(this.#tenantId, file, of.head)
      await onStep?.('verified')
      onFile?.(file)
      batch.push(file)
      from = file.to
    }
    return batch
  }

  /** The entries of what was recorded go, once its files are still what was verified. */
  async #goCold(): Promise<void> {
    const last = this.#waiting.at(-1)
    if (!last) return
    for (const file of this.#waiting) await requireBytes(this.#tenantId, file)
    // Whoever got the lock that we lost takes files that are not recorded for what a crash left, and removes them.
    await this.#requireLock()
    const events = await goCold(this.#tenantId, last.to)
    this.done.files += this.#waiting.length
    this.done.events += events
    this.done.bytes += sumOf(this.#waiting, 'bytes')
    this.#waiting = []
    log.info({ tenantId: this.#tenantId, upTo: last.to, events }, 'days of the log went into the archive')
    await this.#options.onStep?.('cold')
  }

  /** Says in the log why it does not go on. If we die within, the next run finds the same again, or nothing wrong. */
  async giveUp(problem: ColdFileProblem): Promise<void> {
    const { tenantId, done } = { tenantId: this.#tenantId, done: this.done }
    done.problem = problem.problem
    done.isMore = false
    log.error(
      { tenantId, problem: problem.problem, index: problem.index, err: problem.cause, alarm: 'audit.archive.problem' },
      'days of the log stay where they are',
    )
    // Of what cannot be reached now nothing is known: it is looked at again the next night.
    const isKept = problem.problem === 'unavailable'
    if (!isKept) await withdrawFiles(tenantId, problem)
    await sweepArchive(tenantId).catch((err: unknown) =>
      log.warn({ tenantId, err }, 'a file that does not count could not be removed yet'),
    )
  }
}

function sumOf(files: readonly WrittenFile[], what: 'entries' | 'bytes'): number {
  return files.reduce((sum, file) => sum + file[what], 0)
}

/** When it last ran and what kept it from going on stands on the page; it is nobody's act. */
async function noteRun(tenantId: string, problem: ArchiveProblem | null): Promise<void> {
  await systemTransaction(
    (sql) =>
      sql('UPDATE audit_archive SET ran_at = $2::text::timestamptz, problem = $3::text WHERE tenant_id = $1::uuid', [
        tenantId,
        now().toISOString(),
        problem,
      ]),
    { tenantId },
  )
}
