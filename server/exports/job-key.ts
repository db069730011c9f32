import type { Job } from '#server/kernel/jobs.ts'

export const EXPORT_TASK = 'exports.make'

/** The job that makes an export, or goes on with it; one waits for each, and asking again is harmless. */
export function exportJob(tenantId: string, exportId: string): Job {
  return { task: EXPORT_TASK, payload: { tenantId, exportId }, key: `${EXPORT_TASK}:${exportId}` }
}
