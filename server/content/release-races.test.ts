import { randomBytes } from 'node:crypto'
import { expect, it, vi } from 'vitest'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { forwardFile, publishFile, releaseFile } from './commands.ts'

const db = useDatabase()

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const lena = await makePerson(tenantId, { role: 'member' })
  const { actor } = await enrollTestDevice(lena)
  const content = new Uint8Array(randomBytes(1_000))
  const file = await publishFile(owner, { name: 'Plan.bin', audience: [lena.personId], content })
  return { owner, lena, actor, fileId: file.id }
}

/** Asks while the statements of a transaction have been made and are not committed; it is committed once the question waits. */
async function askedDuring(statements: [string, string[]][], ask: () => Promise<unknown>): Promise<unknown> {
  const client = await db.superuser.connect()
  try {
    await client.query(`SET session_replication_role = 'replica'; BEGIN`)
    for (const [text, values] of statements) await client.query(text, values)
    const answer = ask().catch((error: unknown) => error)
    await vi.waitFor(
      async () => {
        const { rows } = await db.superuser.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )
        expect(rows).toHaveLength(1)
      },
      { timeout: 20_000 },
    )
    await client.query('COMMIT')
    return await answer
  } finally {
    await client.query(`ROLLBACK; SET session_replication_role = 'origin'`)
    client.release()
  }
}

const asks: [string, (actor: DeviceActor, fileId: string, to: string) => Promise<unknown>][] = [
  ['a release', (actor, fileId) => releaseFile(actor, { fileId })],
  ['a forward', (actor, fileId, to) => forwardFile(actor, { fileId, to })],
]

it.each(asks)('%s that waited for another audience goes by that one', async (_, ask) => {
  const { owner, actor, fileId } = await makeOffice()
  const answer = await askedDuring(
    [
      ['SELECT 1 FROM file WHERE id = $1 FOR UPDATE', [fileId]],
      ['UPDATE file SET everyone = false WHERE id = $1', [fileId]],
      ['DELETE FROM file_audience WHERE file_id = $1', [fileId]],
    ],
    () => ask(actor, fileId, owner.email),
  )
  expect(answer).toMatchObject({ code: 'not_found' })
})

it.each(asks)('%s that waited for a suspension is refused', async (_, ask) => {
  const { owner, lena, actor, fileId } = await makeOffice()
  const answer = await askedDuring([[`UPDATE person SET status = 'suspended' WHERE id = $1`, [lena.personId]]], () =>
    ask(actor, fileId, owner.email),
  )
  expect(answer).toMatchObject({ code: 'device_revoked' })
})
