import type { Job } from '#server/kernel/jobs.ts'
import { turnJob } from '#server/kernel/turns.ts'

export const EXPORT_TASK = 'exports.make'

/** The job that makes the next export of an organisation, or goes on with it; one waits for each, and asking again is harmless. */
export function exportJob(tenantId: string): Job {
  return turnJob(EXPORT_TASK, tenantId)
}
