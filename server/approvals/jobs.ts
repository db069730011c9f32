import 'server-only'
import { z } from 'zod'
import { expireRequest, findOverdueRequests, releaseDelayedRequest } from '#server/kernel/brake.ts'
import { now } from '#server/kernel/clock.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { listTenants } from '#server/tenants/queries.ts'

const release = z.object({ tenantId: uuidField(), requestId: uuidField() })

/** Work of the brake, by task name. A process that runs them must have loaded every domain that defines something irreversible. */
export const approvalJobs = {
  /** Carries out a request whose undo window is over. */
  'brake.release': async (payload: unknown): Promise<void> => {
    const { tenantId, requestId } = release.parse(payload)
    const outcome = await releaseDelayedRequest(tenantId, requestId)
    // The database's clock was ahead of ours: the queue tries again in seconds.
    if (outcome === 'not due') throw new Error(`the request ${requestId} is not due yet`)
  },
  /** Closes what nobody decided in time, and finds again what lost its job. */
  'brake.sweep': async (): Promise<void> => {
    for (const { id: tenantId } of await listTenants()) await sweep(tenantId)
  },
}

async function sweep(tenantId: string): Promise<void> {
  const at = now()
  const { overdue, due } = await readTransaction(tenantId, async ({ tx, sql }) => ({
    overdue: await findOverdueRequests(sql, tenantId, at),
    due: await tx.brakeRequest.findMany({
      where: { tenantId, state: 'delayed', notBefore: { lt: new Date(at.getTime() - 60_000) } },
      select: { id: true },
      take: 100,
    }),
  }))
  for (const id of overdue) await expireRequest(tenantId, id, 'nobody decided in time')
  for (const { id } of due) await releaseDelayedRequest(tenantId, id)
}

export const approvalSchedule = [{ task: 'brake.sweep', at: '* * * * *' }]
