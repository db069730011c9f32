import type { Job } from '#server/kernel/jobs.ts'

export const INSPECT_TASK = 'content.inspect'

/** The job that finds out whether a content can be shown, and makes what is shown. One waits per content; asking again is harmless. */
export function inspectJob(tenantId: string, contentId: string): Job {
  return { task: INSPECT_TASK, payload: { tenantId, contentId }, key: `${INSPECT_TASK}:${contentId}` }
}
