import 'server-only'
import { workingAlone } from '#server/kernel/alone.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { createLog } from '#server/kernel/log.ts'
import { type Checked, verifyStoredLog } from '../verify-now.ts'
import { recordVerification } from './record.ts'
import type { Verification, VerificationProblem } from './schema.ts'
import { beginVerification, type Progress, reportVerification } from './state.ts'

/** Progress is written down at most so often. */
const REPORT_MS = 1_000

export type VerifyOptions = {
  /** The process ends: the next one starts again. */
  signal?: AbortSignal | undefined
  /** Called with every progress; the tests look and die there. */
  onProgress?: (progress: Progress) => void | Promise<void>
  reportMs?: number
}

const log = createLog('audit')

/**
 * Verifies the log as it was asked for. A worker that dies on the way leaves it as running: the next one starts again from the first
 * entry, and the page says so. Several at once for one organisation: all but one have nothing to do.
 */
export async function runVerification(tenantId: string, id: string, options: VerifyOptions = {}): Promise<void> {
  await workingAlone(`verification.${tenantId}`, async () => {
    if (!(await beginVerification(tenantId, id))) return
    const started = performance.now()
    try {
      const { signal } = options
      const checked = await verifyStoredLog(tenantId, { signal, onProgress: reporter(tenantId, id, options) })
      const tookMs = Math.round(performance.now() - started)
      await recordVerification(tenantId, id, { size: checked.size, result: resultOf(checked, tookMs) })
    } catch (error) {
      const problem = problemOf(error)
      if (!problem) throw error
      log.error({ err: error, tenantId }, 'a verification could not be carried out')
      await recordVerification(tenantId, id, { problem })
    }
  })
}

function reporter(tenantId: string, id: string, { onProgress, reportMs = REPORT_MS }: VerifyOptions) {
  let reportedAt = Number.NEGATIVE_INFINITY
  return async (progress: Progress): Promise<void> => {
    const at = performance.now()
    if (at - reportedAt >= reportMs) {
      reportedAt = at
      await reportVerification(tenantId, id, progress)
    }
    await onProgress?.(progress)
  }
}

function resultOf({ verdict, size }: Checked, tookMs: number): Verification {
  if (verdict.ok) return { ok: true, size, personalChecked: verdict.personalChecked, tookMs }
  const { code, index, until, reason } = verdict
  return { ok: false, code, index: index ?? null, until: until ?? null, reason, tookMs }
}

/** What no second try would mend; null for what may be different next time (the database, a process that ends). */
function problemOf(error: unknown): VerificationProblem | null {
  if (error instanceof Error && error.name === 'AbortError') return null
  if (isAppError(error)) {
    if (error.code === 'unavailable' || error.code === 'not_found') return null
    return error.code === 'conflict' ? 'not_signed' : 'failed'
  }
  const isOfTheSystem = error instanceof Error && 'code' in error
  return isOfTheSystem ? null : 'failed'
}
