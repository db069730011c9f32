import 'server-only'
import { z } from 'zod'
import { type Actor, requirePermission } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import type { Verification } from './schema.ts'
import { verifyStoredLog } from './verify-now.ts'

export { recordAppEvents } from './app-events.ts'
export { deleteMapping, saveMapping } from './import/mappings.ts'
export { type ImportRequest, importHistory, previewImport } from './import/run-import.ts'
export { erasePerson } from './keeping/erasure.ts'
export { placeHold, releaseHold } from './keeping/hold-commands.ts'
export { lengthenRetention, shortenRetention } from './keeping/retention.ts'
export { hideNames, unmaskNames } from './masking/commands.ts'
export { type SealedReport, sealWhoSaw, type WriteReport } from './viewers/report.ts'
export { createAuditView, deleteAuditView, updateAuditView } from './views/change-views.ts'
export { addRecipient, addWitness, removeAnchor } from './witness/settings.ts'
export { type StartedEpoch, startEpoch } from './witness/start-epoch.ts'

const recordVerification = defineCommand({
  action: 'audit.verify',
  permission: 'audit:read',
  risk: 'none',
  input: z.object({
    size: z.number(),
    problem: z.object({ code: z.string(), index: z.number().nullable(), reason: z.string() }).nullable(),
  }),
  execute: async ({ input: { size, problem } }) => ({
    result: null,
    audit: {
      action: 'audit.verify',
      outcome: problem ? 'failed' : 'allowed',
      detail: {
        size: String(size),
        ...(problem && { code: problem.code, reason: problem.reason }),
        ...(problem && problem.index !== null && { index: String(problem.index) }),
      },
    },
  }),
})

/**
 * Reads the whole log, rebuilds its tree and compares it with what was signed. Takes about 20 s for a million entries.
 * Audit: `audit.verify`, `failed` when something is wrong. @throws AppError forbidden · conflict when nothing was signed yet
 */
export async function verifyLogNow(actor: Actor): Promise<Verification> {
  requirePermission(actor, 'audit:read')
  const started = performance.now()
  const { verdict, size } = await verifyStoredLog(actor.tenantId)
  const tookMs = Math.round(performance.now() - started)
  if (verdict.ok) {
    await recordVerification(actor, { size, problem: null })
    return { ok: true, size, personalChecked: verdict.personalChecked, tookMs }
  }
  const problem = { code: verdict.code, index: verdict.index ?? null, reason: verdict.reason }
  await recordVerification(actor, { size, problem })
  return { ok: false, ...problem, code: verdict.code, until: verdict.until ?? null, tookMs }
}
