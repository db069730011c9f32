import 'server-only'
import { z } from 'zod'
import { readTransaction } from '#server/kernel/db.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { enqueueJobs } from '#server/kernel/jobs.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { RECORD_TASK, recordDestroyedFiles } from './destroyed.ts'
import { inspectContent } from './inspect-content.ts'
import { endChildren, warmUp } from './render/inspect.ts'
import { INSPECT_TASK, inspectJob } from './render/job-key.ts'
import { removeAbandonedUploads } from './uploads.ts'

const content = z.object({ tenantId: uuidField(), contentId: uuidField() })

/** Work of this domain for the background process, by task name. Each may run twice. */
export const contentJobs = {
  /** Asks again for what nobody has looked at: the worker was killed over it, or it is older than inspections are. */
  'content.inspect_missing': async (): Promise<void> => requestMissing(2 * 60_000),
  [RECORD_TASK]: async (payload: unknown): Promise<void> => recordDestroyedFiles(payload),
  /** Removes the uploads that nobody has gone on with for a day. */
  'content.remove_uploads': async (): Promise<void> => {
    for (const { id: tenantId } of await listTenants()) await removeAbandonedUploads(tenantId)
  },
}

export const contentSchedule = [
  { task: 'content.inspect_missing', at: '*/5 * * * *' },
  { task: 'content.remove_uploads', at: '41 * * * *' },
]

/** Files that take all their time must not keep anything else waiting: these jobs have a queue of their own. */
export const inspectionJobs = {
  [INSPECT_TASK]: async (payload: unknown): Promise<void> => inspectContent(content.parse(payload)),
}

/** How many files are parsed at once, in as many processes. */
export const INSPECTIONS_AT_ONCE = 2

/** Before the queue of inspections begins: a process that waits for the first file, and what a killed worker left. */
export async function beginInspections(): Promise<void> {
  warmUp()
  await requestMissing(0)
}

/** Ends what is being parsed; its jobs are tried again after the next start. */
export async function endInspections(): Promise<void> {
  await endChildren()
}

const AT_ONCE = 200

async function requestMissing(olderThanMs: number): Promise<void> {
  for (const { id: tenantId } of await listTenants())
    await readTransaction(tenantId, async ({ sql }) => {
      const missing = await sql<{ id: string }>(
        `SELECT f.id::text FROM file f LEFT JOIN file_rendition r ON r.tenant_id = f.tenant_id AND r.content_id = f.content_id AND r.state <> 'pending'
          WHERE f.tenant_id = $1::uuid AND f.id = f.content_id AND f.file_key IS NOT NULL AND r.content_id IS NULL
            AND f.created_at < now() - make_interval(secs => $2::integer) ORDER BY f.created_at DESC LIMIT ${AT_ONCE}`,
        [tenantId, olderThanMs / 1_000],
      )
      const jobs = missing.map(({ id }) => inspectJob(tenantId, id))
      await enqueueJobs(sql, jobs)
    })
}
