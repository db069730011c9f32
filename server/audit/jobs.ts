import 'server-only'
import type { Logger } from 'pino'
import { systemActor } from '#server/kernel/actor.ts'
import { logsToSign, signHead, unknownLogs } from './checkpoints.ts'
import type { LogState } from './schema.ts'
import { waitingAnchors } from './witness/anchors.ts'
import { guardLog } from './witness/check-log.ts'
import { mailCheckpoints } from './witness/mail.ts'
import { offerCheckpoint } from './witness/offer.ts'
import { recordMissingFile } from './witness/record-missing-file.ts'

export { archiveJobs, archiveSchedule } from './archive/jobs.ts'
export { missingFromArchive } from './archive/missing.ts'
export { ExportRows } from './bundle/export-rows.ts'
export { maskRow } from './bundle/mask-row.ts'
export { type PartWriter, partWriter, sumDays, type WrittenPart } from './bundle/part-writer.ts'
export { isAlteredEntry } from './bundle/proof.ts'
export { partName, type StoredMember, sealFiles } from './bundle/seal.ts'
export { type BundleStore, type StoredFile, sealedStore } from './bundle/store.ts'
export { readZip, zipSize } from './bundle/zip.ts'
export { startIndexUpkeep } from './index/upkeep.ts'
export { applyErasures } from './keeping/erased-again.ts'
export { keepingJobs, keepingSchedule } from './keeping/jobs.ts'
export { shownIn } from './masking/named.ts'
export { type ExportedUnder, recordExported } from './masking/record-shown.ts'
export type { MatchesPlace } from './matches.ts'
export { readingAhead } from './reading-ahead.ts'
export type { BlockRow } from './row-block.ts'
export { eachMatchAsStored } from './stored-matches.ts'
export {
  endVerifications,
  resumeVerifications,
  VERIFICATIONS_AT_ONCE,
  verificationJobs,
} from './verification/jobs.ts'
export { viewEvent } from './view.ts'

const EVERY_MS = 10_000

/** Signs every log that has grown; answers how many. A log that contradicts what was signed is frozen and said so. */
export async function signGrownLogs(log: Logger, options: { all?: boolean } = {}): Promise<number> {
  let signed = 0
  for (const tenantId of await logsToSign(options)) {
    try {
      const { state, size } = await signHead(tenantId)
      if (size !== null) signed++
      if (state === 'file_missing') await recordMissingFile(systemActor(tenantId, 'worker'), {})
      alarm(log, tenantId, state)
    } catch (err) {
      log.error({ err, tenantId }, 'a checkpoint could not be signed')
    }
  }
  return signed
}

/**
 * Compares every log with what was published of it, and freezes what does not continue it. Before anybody is answered: an old
 * backup must not go on as if nothing had been.
 */
export async function guardLogs(log: Logger): Promise<void> {
  for (const tenantId of await logsToSign({ all: true })) alarm(log, tenantId, await guardLog(tenantId))
  for (const tenantId of await unknownLogs()) {
    log.error(
      { tenantId, alarm: 'audit.log.unknown' },
      'checkpoints were published of an organisation that this database does not know: it is an older one, or another',
    )
  }
}

const told = new Map<string, LogState>()

/** Said once for each change: the Trust page and the overview show it for as long as it lasts. */
function alarm(log: Logger, tenantId: string, state: LogState): void {
  if (told.get(tenantId) === state) return
  told.set(tenantId, state)
  if (state === 'ok' || state === 'unsigned') return
  const words =
    state === 'file_missing'
      ? 'published checkpoints were gone from the data directory: those that the database has are there again'
      : 'the log does not continue what was signed: not signing'
  log.error({ tenantId, state, alarm: 'audit.checkpoint.missing' }, words)
}

/** Shows the newest checkpoint to every witness that waits for one, all at once; a slow one keeps nobody else. */
export async function offerCheckpoints(log: Logger): Promise<void> {
  const waiting = await waitingAnchors('witness')
  await Promise.all(
    waiting.map((anchor) =>
      offerCheckpoint(anchor).catch((err: unknown) =>
        log.error({ err, tenantId: anchor.tenantId, witness: anchor.name }, 'a checkpoint could not be offered'),
      ),
    ),
  )
}

/** Work of the audit log, by task name. */
export const auditJobs = { 'audit.mail': async (): Promise<void> => void (await mailCheckpoints()) }
export const auditSchedule = [{ task: 'audit.mail', at: '*/10 * * * *' }]

/**
 * Signs at once and then every ten seconds while logs grow, and shows what was signed to the witnesses. At the start every log
 * is compared with what was published: an old backup need not have grown to be found. `stop` waits for the rounds in flight.
 */
export function startCheckpoints(log: Logger): { stop: () => Promise<void> } {
  const warn = (err: unknown) => log.warn({ err }, 'logs could not be signed or shown: trying again')
  const first = guardLogs(log).then(() => signGrownLogs(log, { all: true }))
  let signing: Promise<unknown> = first.catch(warn)
  let showing: Promise<unknown> = signing.then(() => offerCheckpoints(log)).catch(warn)
  let isShowing = true
  const timer = setInterval(() => {
    signing = signing.then(() => signGrownLogs(log)).catch(warn)
    // Witnesses may take longer than a round: signing does not wait for them.
    if (isShowing) return
    isShowing = true
    showing = signing.then(() => offerCheckpoints(log)).catch(warn)
    void showing.then(shown)
  }, EVERY_MS)
  function shown(): void {
    isShowing = false
  }
  void showing.then(shown)
  return {
    stop: async () => {
      clearInterval(timer)
      await Promise.all([signing, showing])
    },
  }
}
