import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { PersonActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { tamper } from '#test/attacks.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { applyDestroyedFiles, deleteFile, publishFile } from './commands.ts'
import { contentJobs } from './jobs.ts'
import { getFile } from './queries.ts'

const database = useDatabase()

/** Asks for a deletion and carries it out, the job that writes it down included. */
async function deleteNow(owner: PersonActor, fileId: string): Promise<void> {
  const input = { fileId, reason: 'no longer needed' }
  const grant = await makeGrant(owner, deleteFile.requestHash(input))
  const { requestId } = await deleteFile(owner, input, { stepUpGrantId: grant })
  testingOnlyAdvanceClock(3_600_000)
  expect(await releaseDelayedRequest(owner.tenantId, requestId)).toBe('carried out')
  const { rows } = await database.superuser.query<{ payload: { tenantId: string } }>(
    `SELECT j.payload FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id
      WHERE t.identifier = 'content.record_destroyed'`,
  )
  for (const { payload } of rows) await contentJobs['content.record_destroyed'](payload)
}

/** Puts rows back past the walls, as a backup does. */
async function putBack(table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  const client = await database.superuser.connect()
  await client.query('BEGIN; SET LOCAL session_replication_role = replica')
  for (const row of rows) {
    const names = Object.keys(row)
    await client.query(
      `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, place) => `$${place + 1}`).join(', ')})`,
      Object.values(row),
    )
  }
  await client.query('COMMIT')
  client.release()
}

test('a deleted file that an old backup brings back is deleted again, before anybody is answered', async () => {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const publish = (name: string) =>
    publishFile(owner, {
      name,
      mediaType: 'text/plain',
      labels: ['Internal'],
      audience: 'everyone',
      content: Buffer.from(name),
    })
  const [gone, kept] = [await publish('gone.txt'), await publish('kept.txt')]
  const [{ rows: files }, { rows: chunks }] = [
    await database.superuser.query('SELECT * FROM file WHERE id = $1', [gone.id]),
    await database.superuser.query('SELECT * FROM file_chunk WHERE content_id = $1', [gone.id]),
  ]
  await deleteNow(owner, gone.id)
  const list = readFileSync(join(database.dataDir, 'checkpoints', `destroyed-files-${tenantId}`), 'utf8')
  expect(list.split('\n').filter(Boolean)).toEqual([gone.id])
  expect(await applyDestroyedFiles()).toBe(0)

  await database.superuser.query(`ALTER TABLE file DISABLE TRIGGER command_wall`)
  await database.superuser.query('DELETE FROM file WHERE id = $1', [gone.id])
  await database.superuser.query(`ALTER TABLE file ENABLE TRIGGER command_wall`)
  await putBack('file', files)
  await putBack('file_chunk', chunks)
  expect(await getFile(owner, { fileId: gone.id })).toMatchObject({ status: 'published' })

  // Nobody has decided about the log yet: that must neither keep it here nor stop the start.
  await tamper(database, tenantId, "UPDATE audit_head SET frozen = 'behind' WHERE tenant_id = $1")
  expect(await applyDestroyedFiles()).toBe(1)
  await tamper(database, tenantId, 'UPDATE audit_head SET frozen = NULL WHERE tenant_id = $1')
  expect(await getFile(owner, { fileId: gone.id })).toMatchObject({ status: 'deleted' })
  const { rows: left } = await database.superuser.query(
    'SELECT (SELECT count(*) FROM file WHERE id = $1 AND file_key IS NOT NULL)::int + (SELECT count(*) FROM file_chunk WHERE content_id = $1)::int AS n',
    [gone.id],
  )
  expect(left).toEqual([{ n: 0 }])
  expect(await getFile(owner, { fileId: kept.id })).toMatchObject({ status: 'published' })
  const [last] = (await readLog(database, tenantId)).slice(-1)
  expect(last).toMatchObject({
    entry: { action: 'file.delete', actor: { kind: 'system' }, target: { type: 'file', id: gone.id } },
    personal: { actorName: 'restore', detail: { keyDestroyed: 'true', restored: 'true' } },
  })
  expect(await applyDestroyedFiles()).toBe(0)
})
