import 'server-only'
import { now } from '#server/kernel/clock.ts'
import { listTenants } from '#server/tenants/queries.ts'
import { dropEmptyMonths } from '../keeping/remove.ts'
import { type ArchiveOptions, archiveTenant } from './run.ts'
import { MIN_ARCHIVE_DAYS } from './schema.ts'

/** What one organisation archives before the others have their turn. */
const TURN_ENTRIES = 4_000_000

/** Archives what is old enough of every organisation, a turn each as long as one has more. What was thrown is returned. */
export async function archiveInTurns(tenantIds: readonly string[], options: ArchiveOptions = {}): Promise<unknown[]> {
  const failures: unknown[] = []
  for (let open = tenantIds; open.length > 0; ) {
    const more: string[] = []
    for (const id of open) {
      const done = await archiveTenant(id, { turnEntries: TURN_ENTRIES, ...options }).catch((error: unknown) => {
        failures.push(error)
        return null
      })
      if (done?.isMore) more.push(id)
    }
    open = more
  }
  return failures
}

/** Work of the archive, by task name. It may run twice, and goes on where a crash ended it. */
export const archiveJobs = {
  /** Days that are old enough become files, in turns; then the months of which nothing is left in the tables go. */
  'audit.archive': async (): Promise<void> => {
    const failures = await archiveInTurns((await listTenants()).map(({ id }) => id))
    await dropEmptyMonths(new Date(now().getTime() - MIN_ARCHIVE_DAYS * 86_400_000))
    if (failures.length > 0)
      throw new AggregateError(failures, `${failures.length} organisations could not be archived`)
  },
}

/** After the purge: what has expired is not archived first. */
export const archiveSchedule = [{ task: 'audit.archive', at: '20 3 * * *' }]
