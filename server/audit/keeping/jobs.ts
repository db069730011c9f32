import 'server-only'
import { now } from '#server/kernel/clock.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { ERASE_TASK, runErasure } from './erasure.ts'
// Loaded for what they define: a request is carried out by the command that made it.
import './hold-commands.ts'
import { purgeTenant } from './purge.ts'
import { dropEmptyMonths } from './remove.ts'
import './retention.ts'
import { MIN_RETENTION_DAYS } from './schema.ts'
import { purgeWholeMonths } from './whole-months.ts'

/** Work of keeping, by task name. Each may run twice, and goes on where a crash ended it. */
export const keepingJobs = {
  /** Removes what has expired: months in one piece where they can go, the rest organisation by organisation, then months of which nothing is left. */
  'audit.purge': async (): Promise<void> => {
    const failures: unknown[] = []
    await purgeWholeMonths().catch((error: unknown) => failures.push(error))
    for (const { id } of await listTenants()) await purgeTenant(id).catch((error: unknown) => failures.push(error))
    await dropEmptyMonths(new Date(now().getTime() - MIN_RETENTION_DAYS * 86_400_000))
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} purges could not be carried out`)
  },
  [ERASE_TASK]: async (payload: unknown): Promise<void> => runErasure(payload),
}

export const keepingSchedule = [{ task: 'audit.purge', at: '40 2 * * *' }]
