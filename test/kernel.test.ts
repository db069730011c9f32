import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { appendLeaves, emptyTree, leafHash, rootOf } from '#protocol/audit/merkle.ts'
import { verifyPersonal } from '#protocol/audit/personal.ts'
import { decodeTreeState } from '#protocol/audit/tree-state.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand, runInTransaction } from '#server/kernel/command.ts'
import { readTransaction, unsafeWriteTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { decrypt, encrypt, tenantVault } from '#server/kernel/keys.ts'
import { createLog } from '#server/kernel/log.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from './harness.ts'

const db = useDatabase()

const rename = defineCommand({
  action: 'person.update',
  name: 'test.rename',
  permission: 'people:write',
  risk: 'none',
  input: z.object({ personId: z.uuid(), name: z.string().min(1), explode: z.enum(['conflict', 'bug']).optional() }),
  target: ({ personId }) => ({ type: 'person', id: personId }),
  execute: async ({ tx, tenantId, input }) => {
    const { count } = await tx.person.updateMany({
      where: { tenantId, id: input.personId },
      data: { name: input.name },
    })
    if (count !== 1) throw new AppError('not_found')
    if (input.explode === 'conflict') throw new AppError('conflict')
    if (input.explode === 'bug') throw new Error('a bug')
    return {
      result: { name: input.name, token: 'shown once' },
      audit: { action: 'person.update', target: { type: 'person', id: input.personId, name: input.name } },
    }
  },
})

const guarded = defineCommand({
  action: 'tenant.update',
  name: 'test.guarded',
  permission: 'admin',
  risk: 'guard',
  input: z.object({ value: z.number() }),
  execute: async ({ stepUpMethod }) => ({ result: stepUpMethod ?? 'none', audit: { action: 'tenant.update' } }),
})

const silent = defineCommand({
  action: 'person.update',
  name: 'test.silent',
  permission: 'people:write',
  risk: 'none',
  input: z.object({}),
  execute: async () => ({ result: null, audit: [] }),
})

/** Runs what no command of ours would. */
const astray = defineCommand({
  action: 'person.update',
  name: 'test.astray',
  permission: 'people:write',
  risk: 'none',
  input: z.object({ statement: z.string(), values: z.array(z.string()) }),
  execute: async ({ sql, input }) => {
    await sql(input.statement, input.values)
    return { result: null, audit: [] }
  },
})

const whoIsThere = defineQuery({
  name: 'test.people',
  permission: 'people:read',
  input: z.object({}),
  run: async ({ tx }) => (await tx.person.findMany({ select: { id: true } })).map(({ id }) => id),
})

describe('a command', () => {
  it('works: writes, appends its entry in the same transaction, and the tree grows by it', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId, { name: 'Mei Lau' })
    expect(await rename(admin, { personId: admin.personId, name: '梅 Lau' })).toEqual({
      name: '梅 Lau',
      token: 'shown once',
    })
    const log = await readLog(db, tenantId)
    expect(log.map(({ entry }) => entry.action)).toEqual(['tenant.create', 'person.create', 'person.update'])
    expect(log.map(({ index }) => index)).toEqual([0, 1, 2])
    const { entry, personal } = log[2] ?? expect.fail()
    expect(entry).toMatchObject({
      v: 1,
      outcome: 'allowed',
      actor: { kind: 'person', id: admin.personId },
      target: { type: 'person', id: admin.personId },
      source: 'server',
    })
    expect(personal).toMatchObject({
      actorName: 'Mei Lau',
      targetName: '梅 Lau',
      address: '127.0.0.1',
      userAgent: 'test',
    })
    expect(verifyPersonal(personal, entry.personal.sha256)).toBe(true)
    await expectTreeMatches(tenantId)
  })

  it('refused (role): recorded as denied, nothing written', async () => {
    const tenantId = await makeTenant()
    const member = await makePerson(tenantId, { role: 'member' })
    await expect(rename(member, { personId: member.personId, name: 'X' })).rejects.toMatchObject({
      code: 'forbidden',
      status: 403,
    })
    const last = (await readLog(db, tenantId)).at(-1)
    expect(last?.entry).toMatchObject({
      action: 'person.update',
      outcome: 'denied',
      actor: { kind: 'person', id: member.personId },
      target: { id: member.personId },
    })
    expect(last?.personal.detail).toEqual({ problem: 'forbidden' })
  })

  it('not found (other tenant): cannot reach a row of another organisation', async () => {
    const [mine, other] = [await makeTenant(), await makeTenant()]
    const admin = await makePerson(mine)
    const stranger = await makePerson(other)
    await expect(rename(admin, { personId: stranger.personId, name: 'X' })).rejects.toMatchObject({ code: 'not_found' })
    expect(await whoIsThere(admin, {})).toEqual([admin.personId])
  })

  it('invalid: names every field and writes nothing', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    const before = (await readLog(db, tenantId)).length
    await expect(rename(admin, { personId: 'x', name: '' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { personId: expect.any(String), name: expect.any(String) },
    })
    expect((await readLog(db, tenantId)).length).toBe(before)
  })

  it('a clash or a bug rolls everything back and is recorded as failed', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId, { name: 'Before' })
    await expect(rename(admin, { personId: admin.personId, name: 'After', explode: 'conflict' })).rejects.toMatchObject(
      { code: 'conflict' },
    )
    await expect(rename(admin, { personId: admin.personId, name: 'After', explode: 'bug' })).rejects.toThrow('a bug')
    const log = await readLog(db, tenantId)
    expect(log.slice(-2).map(({ entry, personal }) => [entry.outcome, personal.detail?.problem])).toEqual([
      ['failed', 'conflict'],
      ['failed', 'internal'],
    ])
    const { rows } = await db.superuser.query('SELECT name FROM person WHERE id = $1', [admin.personId])
    expect(rows).toEqual([{ name: 'Before' }])
    await expectTreeMatches(tenantId)
  })

  it('that appends no entry is refused by the database itself', async () => {
    const admin = await makePerson(await makeTenant())
    await expect(silent(admin, {})).rejects.toThrow(/appended no audit entry/)
  })

  it('that writes entries past the head of the log is refused, too', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    const statement = `INSERT INTO audit_entry (tenant_id, index, recorded_at, id, class, entry)
                       VALUES ($1::uuid, 99, now(), $2::uuid, 'control', '{}')`
    const past = astray(admin, { statement, values: [tenantId, uuidv7()] })
    await expect(past).rejects.toThrow(/appended no audit entry/)
    await expectTreeMatches(tenantId)
  })

  it('repeating with an idempotency key gives the same answer and one entry; another request with it is refused', async () => {
    const tenantId = await makeTenant()
    const key = makeApiKeyActor(tenantId, ['people:write'])
    const admin = await makePerson(tenantId)
    const input = { personId: admin.personId, name: 'Once' }
    const answers = await Promise.all(Array.from({ length: 5 }, () => rename(key, input, { idempotencyKey: 'k1' })))
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toHaveProperty('size', 1)
    expect((await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'person.update')).toHaveLength(1)
    await expect(rename(key, { ...input, name: 'Other' }, { idempotencyKey: 'k1' })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    })
    // The answer held a secret: at rest it is sealed.
    const { rows } = await db.superuser.query<{ result: Buffer }>(
      `SELECT result FROM command WHERE tenant_id = $1 AND idempotency_key = 'k1'`,
      [tenantId],
    )
    expect(rows[0]?.result.includes('shown once')).toBe(false)
  })

  it('concurrent commands get contiguous indexes', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => rename(admin, { personId: admin.personId, name: `Name ${n}` })),
    )
    const log = await readLog(db, tenantId)
    expect(log.map(({ index }) => index)).toEqual(log.map((_, position) => position))
    await expectTreeMatches(tenantId)
  })
})

describe('a guard', () => {
  it('needs a grant for exactly this request, once', async () => {
    const owner = await makePerson(await makeTenant(), { role: 'owner' })
    await expect(guarded(owner, { value: 1 })).rejects.toMatchObject({ code: 'step_up_required' })
    const grant = await makeGrant(owner, guarded.requestHash({ value: 1 }))
    await expect(guarded(owner, { value: 2 }, { stepUpGrantId: grant })).rejects.toMatchObject({
      code: 'step_up_required',
    })
    expect(await guarded(owner, { value: 1 }, { stepUpGrantId: grant })).toBe('totp')
    await expect(guarded(owner, { value: 1 }, { stepUpGrantId: grant })).rejects.toMatchObject({
      code: 'step_up_required',
    })
  })

  it('of twenty requests with one grant, one goes through', async () => {
    const owner = await makePerson(await makeTenant(), { role: 'owner' })
    const grant = await makeGrant(owner, guarded.requestHash({ value: 1 }))
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, () => guarded(owner, { value: 1 }, { stepUpGrantId: grant })),
    )
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('answers a key with person_required', async () => {
    const tenantId = await makeTenant()
    await expect(guarded(makeApiKeyActor(tenantId, ['admin']), { value: 1 })).rejects.toMatchObject({
      code: 'person_required',
      status: 403,
    })
    expect((await readLog(db, tenantId)).at(-1)?.entry).toMatchObject({ action: 'tenant.update', outcome: 'denied' })
  })
})

describe('the walls', () => {
  it('a write outside a command fails, whatever the setting says', async () => {
    const tenantId = await makeTenant()
    const person = await makePerson(tenantId)
    const write = (commandId: string) =>
      unsafeWriteTransaction(tenantId, async ({ tx, sql }) => {
        await sql(`SELECT set_config('app.command_id', $1::text, true)`, [commandId])
        await tx.person.updateMany({ where: { tenantId, id: person.personId }, data: { name: 'X' } })
      })
    await expect(write('')).rejects.toThrow(/outside a command/)
    await expect(write(uuidv7())).rejects.toThrow(/outside a command/)
    const { rows } = await db.superuser.query<{ id: string }>('SELECT id FROM command WHERE tenant_id = $1 LIMIT 1', [
      tenantId,
    ])
    // The row of an earlier command opens nothing: it belongs to another transaction.
    await expect(write(rows[0]?.id ?? '')).rejects.toThrow(/outside a command/)
  })

  it('the reader cannot write and the writer cannot alter the past', async () => {
    const tenantId = await makeTenant()
    await expect(
      readTransaction(tenantId, ({ tx }) => tx.person.updateMany({ where: { tenantId }, data: { name: 'X' } })),
    ).rejects.toThrow(/permission denied/)
    for (const statement of [
      `UPDATE audit_entry SET entry = 'denied' WHERE tenant_id = $1::uuid`,
      'DELETE FROM audit_entry WHERE tenant_id = $1::uuid',
      'UPDATE audit_entry SET personal = NULL WHERE tenant_id = $1::uuid',
      'DELETE FROM audit_tile WHERE tenant_id = $1::uuid',
      'DELETE FROM command WHERE tenant_id = $1::uuid',
      'UPDATE command SET entries = 1 WHERE tenant_id = $1::uuid',
    ]) {
      await expect(unsafeWriteTransaction(tenantId, ({ sql }) => sql(statement, [tenantId]))).rejects.toThrow(
        /permission denied/,
      )
    }
  })

  it('one row of another organisation among many of its own fails the whole append', async () => {
    const [mine, other] = [await makeTenant(), await makeTenant()]
    const admin = await makePerson(mine)
    for (const [table, columns, values] of [
      ['audit_entry', 'index, recorded_at, id, class, entry', `90 + n, now(), gen_random_uuid(), 'control', '{}'`],
      ['audit_run', 'at, entries, bits, recorded_from, recorded_to', '90 + n, 1, 0, now(), now()'],
      ['audit_block', 'at, entries, occurred_from, occurred_to, hours, times', `90 + n, 1, 0, 0, '', ''`],
      ['audit_posting', 'at, key, piece, body', `90 + n, 1, 0, ''`],
      ['audit_tile', 'level, number, hashes', `0, 90 + n, decode(repeat('00', 8192), 'hex')`],
    ]) {
      const statement = `INSERT INTO ${table} (tenant_id, ${columns}) SELECT t::uuid, ${values} FROM unnest(ARRAY[$1::text, $1::text, $2::text]) WITH ORDINALITY AS r(t, n)`
      await expect(astray(admin, { statement, values: [mine, other] })).rejects.toThrow(/row-level security/)
    }
  })

  it('no role reaches a partition past its parent', async () => {
    const { rows } = await db.superuser.query<{ granted: number }>(
      `SELECT count(*)::int AS granted FROM information_schema.role_table_grants
        WHERE table_name ~ '^audit_(entry|personal)_' AND grantee ~ '_(reader|writer|worker)$'`,
    )
    expect(rows).toEqual([{ granted: 0 }])
  })

  it('every table of an organisation has row-level security, forced', async () => {
    const { rows } = await db.superuser.query<{ relname: string }>(
      `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
          AND c.relname NOT IN ('login_directory', 'enrollment_code_directory') AND c.relname !~ '^audit_(entry|personal)_(control|activity)$'`,
    )
    expect(rows).toEqual([])
  })

  it('without an organisation nothing is visible, and another one neither', async () => {
    const [mine, other] = [await makeTenant(), await makeTenant()]
    await makePerson(mine)
    const seen = (tenantId: string | null) =>
      readTransaction(
        tenantId,
        async ({ sql }) =>
          (
            await sql<{ n: number }>(
              'SELECT (SELECT count(*) FROM person)::int + (SELECT count(*) FROM audit_entry)::int AS n',
            )
          )[0]?.n,
      )
    expect(await seen(null)).toBe(0)
    expect(await seen(other)).toBe(1)
    expect(await seen(mine)).toBe(3)
  })
})

describe('values at rest', () => {
  it('open at their own place only', async () => {
    const tenantId = await makeTenant()
    const vault = await readTransaction(tenantId, ({ tx }) => tenantVault(tx, tenantId))
    const sealed = await unsafeWriteTransaction(tenantId, async ({ tx }) =>
      (await tenantVault(tx, tenantId)).seal(Buffer.from('seed'), 'totp_credential', 'seed', 'a'),
    )
    expect(vault.open(sealed, 'totp_credential', 'seed', 'a').toString()).toBe('seed')
    expect(() => vault.open(sealed, 'totp_credential', 'seed', 'b')).toThrow(/does not open/)
    const flipped = Buffer.from(sealed)
    flipped[20] = (flipped[20] ?? 0) ^ 1
    expect(() => vault.open(flipped, 'totp_credential', 'seed', 'a')).toThrow(/does not open/)
  })

  it('a data key moved to another organisation does not open', async () => {
    const [mine, other] = [await makeTenant(), await makeTenant()]
    const { rows } = await db.superuser.query<{ id: string; wrapped: Buffer }>(
      `SELECT id, wrapped FROM tenant_key WHERE tenant_id = $1 AND purpose = 'data'`,
      [mine],
    )
    const { id, wrapped } = rows[0] ?? expect.fail()
    const masterKey = runtime().masterKeys.configured()
    expect(await masterKey.unwrap(wrapped, [mine, 'tenant_key', 'wrapped', id])).toHaveLength(32)
    await expect(masterKey.unwrap(wrapped, [other, 'tenant_key', 'wrapped', id])).rejects.toThrow(/does not open/)
    const key = Buffer.alloc(32, 7)
    expect(() => decrypt(key, encrypt(key, Buffer.from('x'), ['ab', 'c']), ['a', 'bc'])).toThrow(/does not open/)
  })
})

describe('the log', () => {
  it('keeps its order when the clock steps back, and fills tiles', async () => {
    const tenantId = await makeTenant()
    const append = (count: number) =>
      runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test.many' }, async () => ({
        result: null,
        audit: Array.from({ length: count }, () => ({ action: 'person.update' as const })),
      }))
    await append(300)
    await append(1)
    const log = await readLog(db, tenantId)
    expect(log).toHaveLength(302)
    const times = log.map(({ entry }) => entry.recordedAt)
    expect([...times].sort()).toEqual(times)
    const { rows } = await db.superuser.query('SELECT level, number FROM audit_tile WHERE tenant_id = $1', [tenantId])
    expect(rows).toEqual([{ level: 0, number: '0' }])
    await expectTreeMatches(tenantId)
  })
})

describe('a failed call', () => {
  it('is logged with what was wrong with it and none of the values it carried', async () => {
    const tenantId = await makeTenant()
    const logged = async (run: Parameters<typeof unsafeWriteTransaction>[1]) => {
      const lines: string[] = []
      const error = await unsafeWriteTransaction(tenantId, run).catch((failure: unknown) => failure)
      createLog('test', {}, { write: (line) => void lines.push(line) }).error({ err: error }, 'failed')
      return lines.join('')
    }
    // Mistakes of ours: a column that does not exist, and a value that was not checked.
    const data = { tenantId, personId: tenantId, hash: '$argon2id$stored', surprise: 1 }
    const unknown = await logged(({ tx }) => tx.passwordCredential.create({ data: data as never }))
    expect(unknown).toMatch(/Unknown argument `surprise`.*kernel\.test\.ts/)
    expect(unknown).not.toContain('argon2id')
    const unread = await logged(({ sql }) => sql('SELECT $1::text::uuid', ['mei@example.org']))
    expect(unread).toContain('invalid input syntax for type uuid')
    expect(unread).not.toContain('mei@example.org')
  })
})

/** The stored head equals a tree rebuilt from the stored entries. */
async function expectTreeMatches(tenantId: string): Promise<void> {
  const { rows: entries } = await db.superuser.query<{ entry: string }>(
    'SELECT entry FROM audit_entry WHERE tenant_id = $1 ORDER BY index',
    [tenantId],
  )
  const { rows: heads } = await db.superuser.query<{ size: string; tree: Buffer }>(
    'SELECT size, tree FROM audit_head WHERE tenant_id = $1',
    [tenantId],
  )
  const rebuilt = appendLeaves(
    emptyTree(),
    entries.map(({ entry }) => leafHash(Buffer.from(entry))),
  )
  const head = heads[0] ?? expect.fail()
  expect(Number(head.size)).toBe(entries.length)
  expect(Buffer.from(rootOf(decodeTreeState(head.tree)))).toEqual(Buffer.from(rootOf(rebuilt.state)))
}
