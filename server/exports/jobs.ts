import 'server-only'
import { z } from 'zod'
import { pgTransaction } from '#server/kernel/db.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { enqueueJobs } from '#server/kernel/jobs.ts'
import { type Line, takeTurn } from '#server/kernel/turns.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { exportStore, storedExports } from './files.ts'
import { EXPORT_TASK, EXPORTS_OF_ONE, exportTurns } from './job-key.ts'
import { runExport } from './run-export.ts'
import { expiredAmong, expireRuns, unfinishedRuns } from './run-state.ts'

const payloadOf = z.object({ tenantId: uuidField(), nth: z.int().min(0).default(0) })

const line: Line = {
  task: EXPORT_TASK,
  atOnce: EXPORTS_OF_ONE,
  waiting: unfinishedRuns,
  work: (tenantId, exportId) => runExport(tenantId, exportId, { signal: ending.signal }),
}

/**
 * Exports take minutes: they have a queue of their own, so that nothing waits for them. Organisations take turns, an export each, so
 * that none waits for all that another one asked for.
 */
export const exportJobs = {
  [EXPORT_TASK]: (payload: unknown): Promise<void> => takeTurn(line, payloadOf.parse(payload)),
}

const ending = new AbortController()

/** Lets the exports that are being made stop where they are; the next start goes on. */
export function endExports(): void {
  ending.abort()
}

/** How many exports are made at once, one more than of one organisation: there is a slot that it cannot take. */
export const EXPORTS_AT_ONCE = EXPORTS_OF_ONE + 1

export const exportUpkeep = {
  /** Removes what nobody may download any more, and asks again for what nobody works on. */
  'exports.upkeep': async (): Promise<void> => {
    await expireExports()
    await resumeExports()
  },
}

export const exportSchedule = [{ task: 'exports.upkeep', at: '*/10 * * * *' }]

export async function expireExports(): Promise<void> {
  for (const { id: tenantId } of await listTenants()) {
    await expireRuns(tenantId)
    // Also what was expired by a process that died before it had removed the files.
    for (const id of await expiredAmong(tenantId, storedExports(tenantId))) exportStore(tenantId, id).remove()
  }
}

/** Before the queue begins: exports that a killed worker was making go on where they were. */
export async function resumeExports(): Promise<void> {
  for (const { id: tenantId } of await listTenants()) {
    if ((await unfinishedRuns(tenantId)).length > 0)
      await pgTransaction('writer', tenantId, (_client, sql) => enqueueJobs(sql, exportTurns(tenantId)))
  }
}
