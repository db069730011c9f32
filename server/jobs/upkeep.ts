import 'server-only'
import { systemTransaction } from '#server/kernel/db.ts'
import { errorCodeOf } from '#server/kernel/errors.ts'

/** The months of the audit log that must exist ahead of time: an entry without a partition would fail its command. */
const MONTHS_AHEAD = 12
const LOCK_NOT_AVAILABLE = '55P03'

/** The database's own upkeep, as the worker's role; what may be forgotten is also bounded by that role's policies. */
export const upkeepTasks = {
  'upkeep.partitions': async (): Promise<void> => {
    await systemTransaction(async (sql) => {
      await sql(`SELECT set_config('lock_timeout', '2s', true)`)
      await sql('SELECT audit_ensure_partitions(now()::date, $1::integer)::text AS done', [MONTHS_AHEAD])
    }).catch((error: unknown) => {
      // A backup reads the log: whoever appended would wait behind us. There are months left; the next night tries again.
      if (errorCodeOf(error) !== LOCK_NOT_AVAILABLE) throw error
    })
  },
  'upkeep.prune': async (): Promise<void> => {
    // Idempotency keys are honoured for a week.
    await systemTransaction((sql) => sql(`DELETE FROM command WHERE created_at < now() - interval '7 days'`))
    await systemTransaction((sql) => sql('DELETE FROM dpop_jti WHERE expires_at < now()'))
    // Ids of apps' events are remembered for 90 days.
    await systemTransaction((sql) => sql(`DELETE FROM app_event WHERE received_at < now() - interval '90 days'`))
    // A reason given to see names, and whose they were: after a day only the log knows.
    await systemTransaction((sql) => sql(`DELETE FROM audit_unmasked_person WHERE until < now() - interval '1 day'`))
    await systemTransaction((sql) => sql(`DELETE FROM audit_unmasking WHERE until < now() - interval '1 day'`))
    await systemTransaction((sql) => sql('DELETE FROM rate_limit WHERE expire < extract(epoch FROM now()) * 1000'))
  },
}

export const upkeepSchedule = [
  { task: 'upkeep.partitions', at: '17 3 * * *' },
  { task: 'upkeep.prune', at: '*/10 * * * *' },
]
