import type { Job } from '#server/kernel/jobs.ts'
import { turnJobs } from '#server/kernel/turns.ts'

export const EXPORT_TASK = 'exports.make'

/** How many exports of an organisation are made at once: a small one need not wait for a large one. */
export const EXPORTS_OF_ONE = 2

/** The jobs that make the next exports of an organisation, or go on with them; asking again is harmless. */
export function exportTurns(tenantId: string): Job[] {
  return turnJobs({ task: EXPORT_TASK, atOnce: EXPORTS_OF_ONE }, tenantId)
}
