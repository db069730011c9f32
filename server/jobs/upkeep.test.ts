import { expect, test } from 'vitest'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { upkeepTasks } from './upkeep.ts'

const database = useDatabase()

test('a new month of the log is made, but nobody who appends waits behind it while a backup reads', async () => {
  const tenantId = await makeTenant()
  const isThere = async () => {
    const { rows } = await database.superuser.query<{ at: string | null }>(
      `SELECT to_regclass('audit_entry_access_' || to_char(now() + interval '12 months', 'YYYYMM')) AS at`,
    )
    return rows[0]?.at !== null
  }
  const month = `to_char(now() + interval '12 months', 'YYYYMM')`
  await database.superuser.query(`DO $$ BEGIN EXECUTE 'DROP TABLE audit_entry_access_' || ${month}; END $$`)
  const reading = await database.superuser.connect()
  await reading.query('BEGIN; LOCK TABLE audit_entry IN ACCESS SHARE MODE')
  const made = upkeepTasks['upkeep.partitions']()
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'key.rotate' }, async () => ({
    result: null,
    audit: { action: 'key.rotate' },
  }))
  await made
  expect(await isThere()).toBe(false)
  await reading.query('ROLLBACK')
  reading.release()
  await upkeepTasks['upkeep.partitions']()
  expect(await isThere()).toBe(true)
})
