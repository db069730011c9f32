import 'server-only'
import { now } from '#server/kernel/clock.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { dropEmptyMonths } from '../keeping/remove.ts'
import { archiveTenant } from './run.ts'
import { MIN_ARCHIVE_DAYS } from './schema.ts'

/** Work of the archive, by task name. It may run twice, and goes on where a crash ended it. */
export const archiveJobs = {
  /** Days that are old enough become files, organisation by organisation; then the months of which nothing is left in the tables go. */
  'audit.archive': async (): Promise<void> => {
    const failures: unknown[] = []
    for (const { id } of await listTenants()) await archiveTenant(id).catch((error: unknown) => failures.push(error))
    await dropEmptyMonths(new Date(now().getTime() - MIN_ARCHIVE_DAYS * 86_400_000))
    if (failures.length > 0)
      throw new AggregateError(failures, `${failures.length} organisations could not be archived`)
  },
}

/** After the purge: what has expired is not archived first. */
export const archiveSchedule = [{ task: 'audit.archive', at: '20 3 * * *' }]
