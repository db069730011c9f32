import 'server-only'
import { z } from 'zod'
import { expireRequest, findOverdueRequests, releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
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
    const failures: unknown[] = []
    for (const { id: tenantId } of await listTenants())
      failures.push(...(await sweep(tenantId).catch((error: unknown) => [error])))
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} requests could not be swept`)
  },
}

/** What failed: a request that cannot be read, after somebody altered it, does not keep the others from their end. */
async function sweep(tenantId: string): Promise<unknown[]> {
  const at = now()
  const { overdue, due } = await readTransaction(tenantId, async ({ tx, sql }) => ({
    overdue: await findOverdueRequests(sql, tenantId, at),
    due: await tx.brakeRequest.findMany({
      where: { tenantId, state: 'delayed', notBefore: { lt: new Date(at.getTime() - 60_000) } },
      select: { id: true },
      take: 100,
    }),
  }))
  const ends = [
    ...overdue.map((id) => () => expireRequest(tenantId, id, 'nobody decided in time')),
    ...due.map(
      ({ id }) =>
        () =>
          releaseDelayedRequest(tenantId, id),
    ),
  ]
  const failures: unknown[] = []
  for (const end of ends) await end().catch((error: unknown) => failures.push(error))
  return failures
}

export const approvalSchedule = [{ task: 'brake.sweep', at: '* * * * *' }]
