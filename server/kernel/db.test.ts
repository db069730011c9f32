import { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { pgTransaction, systemTransaction, unsafeWriteTransaction } from './db.ts'
import { createRuntime, runtime, setRuntime } from './runtime.ts'

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

describe('a transaction that reads', () => {
  const tenantOf = `SELECT current_setting('app.tenant_id') AS tenant`

  it('has its organisation set from the first statement on, whoever had the connection before', async () => {
    const tenants = await Promise.all([makeTenant(), makeTenant(), makeTenant()])
    const asked = Array.from({ length: 60 }, (_, n) => tenants[n % tenants.length] ?? '')
    const seen = await Promise.all(
      asked.map((tenantId) =>
        pgTransaction('reader', tenantId, (_client, sql) =>
          Promise.all([sql<{ tenant: string }>(tenantOf), sql<{ tenant: string }>(tenantOf)]),
        ),
      ),
    )
    expect(seen.map((rows) => rows.flat().map(({ tenant }) => tenant))).toEqual(asked.map((one) => [one, one]))
  })

  it('sends in one write what is asked for together', async () => {
    const writes = await pgTransaction('reader', await makeTenant(), async (client, sql) => {
      await sql(tenantOf)
      const { stream } = client.connection
      const spies = [vi.spyOn(stream, '_write'), vi.spyOn(stream, '_writev')]
      await Promise.all([sql(tenantOf), sql(tenantOf), sql('SELECT 1')])
      const count = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
      for (const spy of spies) spy.mockRestore()
      return count
    })
    expect(writes).toBe(1)
  })

  it('fails with what failed first, and leaves the connection to the next', async () => {
    const tenantId = await makeTenant()
    for (let n = 0; n < 12; n++) {
      const failing = pgTransaction('reader', tenantId, (_client, sql) =>
        Promise.all([sql('SELECT 1/0'), sql('SELECT 1')]),
      )
      await expect(failing).rejects.toMatchObject({ code: '22012' })
    }
    await expect(pgTransaction('reader', tenantId, (_client, sql) => sql(tenantOf))).resolves.toEqual([
      { tenant: tenantId },
    ])
  })

  it('is over when it has answered: what still asks is refused', async () => {
    const tenantId = await makeTenant()
    const kept = await pgTransaction('reader', tenantId, async (_client, sql) => ({ sql }))
    await expect(kept.sql(tenantOf)).rejects.toThrow('after the end of its transaction')
  })
})

describe('connections nobody uses', () => {
  it('go after a while, but for two of the readers, which know their statements', async () => {
    const tenantId = await makeTenant()
    const made = createRuntime(runtime())
    await setRuntime(made)
    const { reader, writer } = made.pools
    const pids = (role: 'reader' | 'writer', count: number) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const rows = await pgTransaction(role, tenantId, (_client, sql) =>
            sql<{ pid: number }>('SELECT pg_backend_pid() AS pid FROM pg_sleep(0.05)'),
          )
          return rows[0]?.pid
        }),
      )
    for (const pool of [reader, writer]) pool.options.idleTimeoutMillis = 20
    const kept = vi.spyOn(Socket.prototype, 'setKeepAlive')
    const before = await pids('reader', 4)
    expect(new Set(before).size).toBe(4)
    // Nobody on the way takes them for forgotten.
    expect(kept.mock.calls).toEqual(Array(4).fill([true, 30_000]))
    kept.mockRestore()
    await pids('writer', 2)
    await vi.waitFor(() => expect([reader.totalCount, writer.totalCount]).toEqual([2, 0]))
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(reader.totalCount).toBe(2)
    for (const pid of await pids('reader', 2)) expect(before).toContain(pid)
  })
})

describe('a transaction that writes', () => {
  const note = `SELECT set_config('app.note', $1::text, true) AS note`

  it('begins with its first statements, in one write', async () => {
    const tenantId = await makeTenant()
    const writes = await pgTransaction('writer', tenantId, async (client, sql) => {
      const { stream } = client.connection
      const spies = [vi.spyOn(stream, '_write'), vi.spyOn(stream, '_writev')]
      await Promise.all([sql(note, ['a']), sql(note, ['b']), sql('SELECT 1')])
      const count = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
      for (const spy of spies) spy.mockRestore()
      return count
    })
    expect(writes).toBe(1)
  })

  it('fails with what failed first, keeps nothing, and leaves the connection to the next', async () => {
    const tenantId = await makeTenant()
    for (let n = 0; n < 12; n++) {
      const failing = pgTransaction('writer', tenantId, (_client, sql) =>
        Promise.all([sql('SELECT pg_advisory_xact_lock(4711, $1::integer)', [n]), sql('SELECT 1/0'), sql('SELECT 1')]),
      )
      await expect(failing).rejects.toMatchObject({ code: '22012' })
    }
    expect(
      await db.superuser.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711`),
    ).toMatchObject({
      rowCount: 0,
    })
    await expect(pgTransaction('writer', tenantId, (_client, sql) => sql(note, ['c']))).resolves.toEqual([
      { note: 'c' },
    ])
  })

  it('commits what has no answer yet in one write with it, and fails as that does', async () => {
    const tenantId = await makeTenant()
    const leaving = (statement: string) =>
      pgTransaction('writer', tenantId, async (client, sql) => {
        await sql(note, ['d'])
        const { stream } = client.connection
        const spies = [vi.spyOn(stream, '_write'), vi.spyOn(stream, '_writev')]
        sql(statement).catch(() => {})
        return spies
      })
    const spies = await leaving('SELECT pg_sleep(0.05)')
    expect(spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)).toBe(1)
    for (const spy of spies) spy.mockRestore()
    await expect(leaving('SELECT 1/0')).rejects.toMatchObject({ code: '22012' })
    await expect(pgTransaction('writer', tenantId, (_client, sql) => sql(note, ['e']))).resolves.toEqual([
      { note: 'e' },
    ])
  })

  it('does not pass for done where a statement failed and was passed over', async () => {
    const careless = pgTransaction('writer', await makeTenant(), async (_client, sql) => {
      await sql('SELECT 1/0').catch(() => {})
      return 'done'
    })
    await expect(careless).rejects.toThrow('nobody said so')
  })

  it('is over when it has answered: what still asks is refused', async () => {
    const kept = await pgTransaction('writer', await makeTenant(), async (_client, sql) => ({ sql }))
    await expect(kept.sql('SELECT 1')).rejects.toThrow('after the end of its transaction')
  })
})
