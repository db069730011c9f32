import { describe, expect, it } from 'vitest'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { pgTransaction, systemTransaction, unsafeWriteTransaction } from './db.ts'

const db = useDatabase()

/** Ends a backend as a database that goes down does, and waits until it is gone. */
async function terminate(pid: number): Promise<void> {
  await db.superuser.query('SELECT pg_terminate_backend($1, 5000)', [pid])
  // The message is read in a turn of its own.
  await new Promise((resolve) => setImmediate(resolve))
}

describe('a connection that breaks between two statements', () => {
  const away = { code: 'unavailable', status: 503 }

  it('is unavailable for whoever used it, and does not end the process', async () => {
    const tenantId = await makeTenant()
    const used = pgTransaction('writer', tenantId, async (client, sql) => {
      const [row] = await sql<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      const ended = new Promise((resolve) => client.once('end', resolve))
      await terminate(row?.pid ?? 0)
      await ended
      await sql('SELECT 1')
    })
    await expect(used).rejects.toMatchObject(away)
  })

  it('the same through Prisma', async () => {
    const tenantId = await makeTenant()
    const used = unsafeWriteTransaction(tenantId, async ({ sql }) => {
      const [row] = await sql<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await terminate(row?.pid ?? 0)
      await sql('SELECT 1')
    })
    await expect(used).rejects.toMatchObject(away)
  })

  it('the same as the worker', async () => {
    const used = systemTransaction(async (sql) => {
      const [row] = await sql<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await terminate(row?.pid ?? 0)
      await sql('SELECT 1')
    })
    await expect(used).rejects.toMatchObject(away)
  })

  it('the next one gets another', async () => {
    const tenantId = await makeTenant()
    await expect(pgTransaction('reader', tenantId, (_client, sql) => sql('SELECT 1 AS one'))).resolves.toEqual([
      { one: 1 },
    ])
  })
})
