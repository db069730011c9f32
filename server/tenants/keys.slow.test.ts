import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { publishFile, releaseFile } from '#server/content/commands.ts'
import { unlockShare } from '#server/devices/commands.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { encrypt } from '#server/kernel/cipher.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { type Db, readTransaction, unsafeWriteTransaction } from '#server/kernel/db.ts'
import { enqueueJobs } from '#server/kernel/jobs.ts'
import {
  createDataKey,
  emailHmac,
  forgetDataKeys,
  openKeys,
  tenantVault,
  testingOnlyForgetKeys,
} from '#server/kernel/keys.ts'
import { createRuntime, runtime, setRuntime } from '#server/kernel/runtime.ts'
import { SEALED_COLUMNS } from '#server/kernel/sealed-columns.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { startVaultStub } from '#test/vault-stub.ts'
import { continueRotation, rotateMasterKey, rotateTenantKey } from './commands.ts'
import { keyJobs } from './jobs.ts'
import { resealStep } from './key-rotation.ts'
import { getKeys } from './queries.ts'

const database = useDatabase()

async function founded() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  return { tenantId, owner }
}

async function rotate(owner: PersonActor) {
  return rotateTenantKey(owner, {}, { stepUpGrantId: await makeGrant(owner, rotateTenantKey.requestHash({})) })
}

const place = (tenantId: string) => ['totp_credential', 'seed', tenantId]

async function sealedSeed(tenantId: string, personId: string, plain = 'a seed'): Promise<Buffer> {
  return unsafeWriteTransaction(tenantId, async ({ tx }) =>
    (await tenantVault(tx, tenantId)).seal(Buffer.from(plain), ...place(personId)),
  )
}

/** Writes as whoever owns the database could, past the walls. */
async function asSuperuser(statement: string, values: unknown[] = []): Promise<void> {
  const client = await database.superuser.connect()
  try {
    await client.query('BEGIN; SET LOCAL session_replication_role = replica')
    await client.query(statement, values)
    await client.query('COMMIT')
  } finally {
    client.release()
  }
}

const putSeed = (tenantId: string, personId: string, seed: Buffer, confirmed = true) =>
  asSuperuser(
    `INSERT INTO totp_credential (tenant_id, person_id, seed, confirmed_at) VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END)
     ON CONFLICT (tenant_id, person_id) DO UPDATE SET seed = excluded.seed, confirmed_at = excluded.confirmed_at`,
    [tenantId, personId, seed, confirmed],
  )

async function openSeed(tenantId: string, personId: string): Promise<string> {
  return readTransaction(tenantId, async ({ tx }) => {
    const row = await tx.totpCredential.findFirstOrThrow({ where: { tenantId, personId }, select: { seed: true } })
    return (await tenantVault(tx, tenantId)).open(row.seed, ...place(personId)).toString()
  })
}

async function dataKeys(tenantId: string) {
  const { rows } = await database.superuser.query<{
    id: string
    wrapped: Buffer | null
    master_id: string
    retired_at: Date | null
    destroyed_at: Date | null
  }>(
    `SELECT id, wrapped, master_id, retired_at, destroyed_at FROM tenant_key WHERE tenant_id = $1 AND purpose = 'data' ORDER BY id`,
    [tenantId],
  )
  return rows
}

describe('sealed columns', () => {
  test('are those that the database guards', async () => {
    const { rows } = await database.superuser.query<{ name: string }>(
      `SELECT t.tgrelid::regclass || '.' || convert_from(substring(t.tgargs FROM 1 FOR length(t.tgargs) - 1), 'UTF8') AS name
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = 'require_current_key' AND t.tgparentid = 0`,
    )
    expect(rows.map(({ name }) => name).sort()).toEqual(
      SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`).sort(),
    )
  })
})

describe('rotateTenantKey', () => {
  test('works: the new key is current at once, everything is sealed anew, the old key row holds no key', async () => {
    const { tenantId, owner } = await founded()
    const { actor: device } = await enrollTestDevice(owner)
    await publishFile(owner, {
      name: 'plan.txt',
      content: new Uint8Array([1]),
      labels: [],
      audience: 'everyone',
    })
    await putSeed(tenantId, owner.personId, await sealedSeed(tenantId, owner.personId))
    const shareBefore = await unlockShare(device, {})
    const [old] = await dataKeys(tenantId)

    const started = await rotate(owner)
    expect(started).toMatchObject({ state: 'running', done: 0 })
    expect(started.total).toBeGreaterThanOrEqual(4)
    expect(await getKeys(owner, {})).toMatchObject({ rotation: { state: 'running', done: 0 }, data: { older: 1 } })
    expect(await openSeed(tenantId, owner.personId)).toBe('a seed')

    expect(await continueRotation(tenantId)).toMatchObject({ state: 'done', done: started.total, total: started.total })
    const [was, is] = await dataKeys(tenantId)
    expect(was).toMatchObject({ id: old?.id, wrapped: null, destroyed_at: expect.any(Date) })
    expect(is).toMatchObject({ retired_at: null, destroyed_at: null, wrapped: expect.any(Buffer) })
    forgetDataKeys(tenantId)
    expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
    expect((await unlockShare(device, {})).share).toBe(shareBefore.share)
    expect(await getKeys(owner, {})).toMatchObject({
      master: { provider: 'file', isMoving: false },
      data: { id: is?.id, older: 0 },
      rotation: { state: 'done', damaged: 0, startedBy: owner.name },
    })
    expect(await continueRotation(tenantId)).toBeNull()
  })

  test('refused to everybody but an administrator with a factor given for it', async () => {
    const { tenantId, owner } = await founded()
    await expect(rotateTenantKey(owner, {})).rejects.toMatchObject({ code: 'step_up_required' })
    const member = await makePerson(tenantId, { role: 'member' })
    await expect(rotateTenantKey(member, {})).rejects.toMatchObject({ code: 'forbidden' })
    await expect(getKeys(member, {})).rejects.toMatchObject({ code: 'forbidden' })
    const key = makeApiKeyActor(tenantId, ['admin'], owner.personId)
    await expect(rotateTenantKey(key, {})).rejects.toMatchObject({ code: 'person_required' })
  })

  test('one at a time, also of two at once', async () => {
    const { tenantId } = await founded()
    const actor = systemActor(tenantId, 'test')
    const both = await Promise.allSettled([rotateTenantKey(actor, {}), rotateTenantKey(actor, {})])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await expect(rotateTenantKey(actor, {})).rejects.toMatchObject({ code: 'conflict', extra: { reason: 'running' } })
    await continueRotation(tenantId)
    await rotateTenantKey(actor, {})
    expect(await continueRotation(tenantId)).toMatchObject({ state: 'done' })
    expect((await dataKeys(tenantId)).map(({ wrapped }) => wrapped === null)).toEqual([true, true, false])
  })

  test('audit: its start, its steps and its completion', async () => {
    const { tenantId, owner } = await founded()
    await putSeed(tenantId, owner.personId, await sealedSeed(tenantId, owner.personId))
    const [old] = await dataKeys(tenantId)
    const { rotationId } = await rotate(owner)
    await keyJobs['keys.reseal']({ tenantId })
    const log = (await readLog(database, tenantId)).filter(({ entry }) => entry.action === 'key.rotate')
    expect(log.map(({ entry, personal }) => [entry.outcome, entry.correlationId, personal.detail])).toEqual([
      ['pending', rotationId, { key: 'data', phase: 'started', replaces: old?.id, values: '1' }],
      ['pending', rotationId, { key: 'data', phase: 'progress', done: '1', values: '1', damaged: '0' }],
      ['allowed', rotationId, { key: 'data', phase: 'completed', resealed: '1', values: '1', destroyed: [old?.id] }],
    ])
  })

  test('values from before keys had ids open, and are sealed anew', async () => {
    const { tenantId, owner } = await founded()
    const [row] = await dataKeys(tenantId)
    const key = await runtime()
      .masterKeys.configured()
      .unwrap(row?.wrapped ?? Buffer.alloc(0), [tenantId, 'tenant_key', 'wrapped', row?.id ?? ''])
    await putSeed(tenantId, owner.personId, encrypt(key, Buffer.from('old'), [tenantId, ...place(owner.personId)]))
    expect(await openSeed(tenantId, owner.personId)).toBe('old')
    await rotate(owner)
    expect(await openSeed(tenantId, owner.personId)).toBe('old')
    expect(await continueRotation(tenantId)).toMatchObject({ state: 'done', done: 1 })
    expect(await openSeed(tenantId, owner.personId)).toBe('old')
  })

  test('a process that did not hear of it reads and writes on: with the keys as they are, never under a retired one', async () => {
    const { tenantId, owner } = await founded()
    const stale = await sealedSeed(tenantId, owner.personId)
    await rotate(owner)
    // As a process that cached the old key: stored late, the value is refused, and the transaction is done again.
    let attempts = 0
    await unsafeWriteTransaction(tenantId, async ({ sql, tx }) => {
      attempts++
      const sealed =
        attempts === 1 ? stale : (await tenantVault(tx, tenantId)).seal(Buffer.from('new'), 'command', 'result', 'x')
      await sql(
        `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id, result) VALUES ($1::uuid, $2::uuid, 'x', 'system', 'x', decode($3::text, 'hex'))
                 RETURNING set_config('app.command_id', id::text, true)`,
        [tenantId, owner.personId, sealed.toString('hex')],
      )
      // No entry: rolled back at the end, which is not what is looked at here.
    }).catch((error: unknown) => expect(String(error)).toContain('appended no audit entry'))
    expect(attempts).toBe(2)
    await continueRotation(tenantId)
  })

  test('a key of a rotation that was rolled back seals nothing that is stored', async () => {
    const { tenantId, owner } = await founded()
    const rotation = runInTransaction(
      { actor: systemActor(tenantId, 'test'), name: 'key.rotate' },
      async ({ tx, sql, vault }) => {
        await sql(`UPDATE tenant_key SET retired_at = now() WHERE tenant_id = $1::uuid RETURNING 1`, [tenantId])
        await createDataKey(tx, tenantId)
        forgetDataKeys(tenantId)
        await vault()
        throw new Error('rolled back')
      },
    )
    await expect(rotation).rejects.toThrow('rolled back')
    const file = {
      name: 'kept.txt',
      mediaType: 'text/plain',
      labels: [],
      audience: 'everyone' as const,
      content: new Uint8Array([7]),
    }
    const { id } = await publishFile(owner, file)
    testingOnlyForgetKeys()
    const opened = await readTransaction(tenantId, async ({ tx }) => {
      const row = await tx.file.findFirstOrThrow({ where: { tenantId, id }, select: { fileKey: true } })
      return (await tenantVault(tx, tenantId)).open(row.fileKey ?? new Uint8Array(), 'file', 'file_key', id)
    })
    expect(opened).toHaveLength(32)
  })

  test('reads and writes go on while steps run', async () => {
    const { tenantId, owner } = await founded()
    const people = await Promise.all(Array.from({ length: 12 }, () => makePerson(tenantId, { role: 'member' })))
    for (const { personId } of people) await putSeed(tenantId, personId, await sealedSeed(tenantId, personId, personId))
    let isOver = false
    const reading = (async () => {
      let reads = 0
      while (!isOver) for (const { personId } of people) if ((await openSeed(tenantId, personId)) === personId) reads++
      return reads
    })()
    const writing = (async () => {
      const names: string[] = []
      while (!isOver) {
        const name = `note ${names.length}.txt`
        await publishFile(owner, { name, content: new Uint8Array([1]), labels: [], audience: 'everyone' })
        names.push(name)
      }
      return names.length
    })()
    for (let round = 0; round < 3; round++) {
      await rotateTenantKey(systemActor(tenantId, 'test'), {})
      // Two processes go on with it at once.
      const ends = await Promise.all([continueRotation(tenantId), continueRotation(tenantId)])
      expect(ends.every((end) => end === null || end.state === 'done')).toBe(true)
    }
    isOver = true
    expect(await reading).toBeGreaterThan(0)
    expect(await writing).toBeGreaterThan(0)
    const keys = await dataKeys(tenantId)
    expect(keys.filter(({ wrapped }) => wrapped !== null)).toHaveLength(1)
    testingOnlyForgetKeys()
    for (const { personId } of people) expect(await openSeed(tenantId, personId)).toBe(personId)
    const { rows } = await database.superuser.query<{ ok: boolean }>(
      `SELECT encode(substring(file_key FROM 2 FOR 16), 'hex')::uuid = $2 AS ok FROM file WHERE tenant_id = $1`,
      [tenantId, keys.at(-1)?.id],
    )
    expect(rows.every(({ ok }) => ok)).toBe(true)
  })

  test('dying between two steps loses nothing: the sweep goes on', async () => {
    const { tenantId, owner } = await founded()
    await putSeed(tenantId, owner.personId, await sealedSeed(tenantId, owner.personId))
    const { rotationId } = await rotate(owner)
    await resealStep(systemActor(tenantId, 'test'), { rotationId })
    testingOnlyForgetKeys()
    expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
    await keyJobs['keys.sweep']()
    expect(await getKeys(owner, {})).toMatchObject({ rotation: { state: 'running' } })
    await asSuperuser(`UPDATE key_rotation SET updated_at = now() - interval '2 minutes' WHERE tenant_id = $1`, [
      tenantId,
    ])
    await keyJobs['keys.sweep']()
    expect(await getKeys(owner, {})).toMatchObject({ rotation: { state: 'done', done: 1, total: 1 } })
    expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
  })

  test('a value that does not open keeps the older key; an attempt to enrol that nobody can finish goes', async () => {
    const { tenantId, owner } = await founded()
    const [abandoned, waiting, moved] = await Promise.all([
      makePerson(tenantId),
      makePerson(tenantId),
      makePerson(tenantId),
    ])
    const session = (sessionId: string, personId: string) =>
      unsafeWriteTransaction(tenantId, async ({ tx }) =>
        (await tenantVault(tx, tenantId)).seal(Buffer.from('begun'), ...place(personId), sessionId),
      )
    await putSeed(tenantId, abandoned.personId, await session('gone', abandoned.personId), false)
    await putSeed(tenantId, waiting.personId, await session(waiting.sessionId, waiting.personId), false)
    // Swapped by somebody who owns the database: another row's value.
    await putSeed(tenantId, moved.personId, await sealedSeed(tenantId, owner.personId))
    await rotate(owner)
    expect(await continueRotation(tenantId)).toMatchObject({ state: 'blocked' })
    expect(await getKeys(owner, {})).toMatchObject({ rotation: { state: 'blocked', damaged: 1 }, data: { older: 1 } })
    const [last] = (await readLog(database, tenantId)).slice(-1)
    expect(last).toMatchObject({
      entry: { action: 'key.rotate', outcome: 'failed' },
      personal: { detail: { phase: 'blocked', left: '1', damaged: [`totp_credential.seed ${moved.personId}`] } },
    })
    // Put right, a new rotation takes what the blocked one left.
    await putSeed(tenantId, moved.personId, await sealedSeed(tenantId, moved.personId))
    await rotate(owner)
    expect(await continueRotation(tenantId)).toMatchObject({ state: 'done' })
    expect((await dataKeys(tenantId)).filter(({ wrapped }) => wrapped !== null)).toHaveLength(1)
    const { rows } = await database.superuser.query<{ person_id: string }>(
      'SELECT person_id FROM totp_credential WHERE tenant_id = $1 ORDER BY person_id',
      [tenantId],
    )
    expect(rows.map(({ person_id }) => person_id)).toEqual([waiting.personId, moved.personId].sort())
  })

  test('a wrapped key or a value of another organisation does not open', async () => {
    const [mine, other] = [await founded(), await founded()]
    const seed = await sealedSeed(other.tenantId, mine.owner.personId)
    await putSeed(mine.tenantId, mine.owner.personId, seed)
    await expect(openSeed(mine.tenantId, mine.owner.personId)).rejects.toThrow(
      /is no data key of the organisation .*: the value was moved here/,
    )
    const [row] = await dataKeys(other.tenantId)
    await asSuperuser(`UPDATE tenant_key SET wrapped = $2 WHERE tenant_id = $1`, [mine.tenantId, row?.wrapped])
    testingOnlyForgetKeys()
    await expect(openSeed(mine.tenantId, mine.owner.personId)).rejects.toThrow(/does not open/)
    await expect(rotateMasterKey()).rejects.toThrow(`organisation ${mine.tenantId} does not open`)
    await asSuperuser('DELETE FROM tenant WHERE id = $1', [mine.tenantId])
    await rotateMasterKey()
  })
})

test('a mail that waits in the queue goes over to the new key', async () => {
  const { tenantId, owner } = await founded()
  const add = async ({ tx, sql }: Db) => {
    const sealed = (await tenantVault(tx, tenantId)).seal(Buffer.from('{"to":"x"}'), 'job', 'mail', owner.personId)
    const payload = { tenantId, personId: owner.personId, sealed: sealed.toString('base64') }
    await enqueueJobs(sql, [
      { task: 'mail.send', payload, key: `mail:${tenantId}`, runAt: new Date(Date.UTC(2100, 0)) },
    ])
  }
  await unsafeWriteTransaction(tenantId, add)
  await rotate(owner)
  expect(await continueRotation(tenantId)).toMatchObject({ state: 'done', done: 1, total: 1 })
  const { rows } = await database.superuser.query<{ sealed: string; run_at: Date }>(
    `SELECT payload->>'sealed' AS sealed, run_at FROM graphile_worker._private_jobs WHERE key = $1`,
    [`mail:${tenantId}`],
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]?.run_at).toEqual(new Date(Date.UTC(2100, 0)))
  testingOnlyForgetKeys()
  const opened = await readTransaction(tenantId, async ({ tx }) =>
    (await tenantVault(tx, tenantId)).open(Buffer.from(rows[0]?.sealed ?? '', 'base64'), 'job', 'mail', owner.personId),
  )
  expect(opened.toString()).toBe('{"to":"x"}')
  // Sealed before a rotation and committed after it: run again, under the new key.
  const stale = await tenantVaultBefore(tenantId, () => rotate(owner))
  expect(stale.attempts).toBe(2)
  await continueRotation(tenantId)
})

/** A transaction that seals for the queue, with a rotation between its beginning and its commit. */
async function tenantVaultBefore(tenantId: string, meanwhile: () => Promise<unknown>): Promise<{ attempts: number }> {
  let attempts = 0
  await unsafeWriteTransaction(tenantId, async ({ tx }) => {
    attempts++
    ;(await tenantVault(tx, tenantId)).seal(Buffer.from('x'), 'job', 'mail', 'x')
    if (attempts === 1) await meanwhile()
  })
  return { attempts }
}

test('a file key of another organisation opens nothing and raises the alarm, also in a process that never saw that key', async () => {
  const [mine, other] = [await founded(), await founded()]
  const plan = { name: 'plan.txt', mediaType: 'text/plain', labels: [], audience: 'everyone' as const }
  const [file, theirs] = [
    await publishFile(mine.owner, { ...plan, content: new Uint8Array([1]) }),
    await publishFile(other.owner, { ...plan, content: new Uint8Array([2]) }),
  ]
  const { actor: phone } = await enrollTestDevice(mine.owner)
  await asSuperuser('UPDATE file f SET file_key = o.file_key FROM file o WHERE f.id = $1 AND o.id = $2', [
    file.id,
    theirs.id,
  ])
  await expect(releaseFile(phone, { fileId: file.id })).rejects.toMatchObject({ code: 'content_damaged' })
  const actions = (await readLog(database, mine.tenantId)).map(({ entry }) => entry.action)
  expect(actions).toContain('file.integrity')
})

describe('rotateMasterKey', () => {
  const masterFile = () => join(database.dataDir, 'keys', 'master.key')

  /** As a process that starts now would see it. */
  async function restart(options: object = {}): Promise<void> {
    const { dataDir, logins } = runtime()
    testingOnlyForgetKeys()
    await setRuntime(createRuntime({ dataDir, logins, ...options }))
    await openKeys()
  }

  afterEach(() => restart())

  test('a new file: every data key follows, the old bytes are gone, what derives from the root stays', async () => {
    const { tenantId, owner } = await founded()
    await putSeed(tenantId, owner.personId, await sealedSeed(tenantId, owner.personId))
    const [bytes, hmac] = [readFileSync(masterFile()), emailHmac('a@example.org')]
    const { from, to, keys } = await rotateMasterKey()
    expect(keys).toBeGreaterThanOrEqual(1)
    expect(from).not.toBe(to)
    expect(readFileSync(masterFile()).equals(bytes)).toBe(false)
    expect(existsSync(`${masterFile()}.next`)).toBe(false)
    expect((await dataKeys(tenantId)).every(({ master_id }) => master_id === to)).toBe(true)
    await restart()
    expect(emailHmac('a@example.org')).toEqual(hmac)
    expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
    const [last] = (await readLog(database, tenantId)).slice(-1)
    expect(last?.personal.detail).toMatchObject({
      key: 'master',
      phase: 'completed',
      master: { before: [from], after: to },
      keys: '1',
    })
    // Another rotation, with a key of one's own.
    const given = join(database.dataDir, 'given.key')
    writeFileSync(given, Buffer.alloc(32, 3))
    await rotateMasterKey({ newKeyFile: given })
    expect(readFileSync(masterFile())).toEqual(Buffer.alloc(32, 3))
    await expect(rotateMasterKey({ newKeyFile: given })).rejects.toThrow(/holds the master key in use/)
  })

  test.each(['prepared', 'switched', 'rewrapped', 'verified', 'promoted'])(
    'dying after %s loses nothing',
    async (last) => {
      const { tenantId, owner } = await founded()
      await founded()
      await putSeed(tenantId, owner.personId, await sealedSeed(tenantId, owner.personId))
      const hmac = emailHmac('a@example.org')
      const die = (step: string) => {
        if (step.startsWith(last)) throw new Error('killed')
      }
      await expect(rotateMasterKey({ onStep: die })).rejects.toThrow('killed')
      await restart()
      expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
      expect(emailHmac('a@example.org')).toEqual(hmac)
      // Founded in between: its key goes where a rotation will find it.
      const between = await founded()
      await rotateMasterKey()
      await restart()
      expect(existsSync(`${masterFile()}.next`)).toBe(false)
      expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
      expect((await dataKeys(between.tenantId))[0]?.master_id).toBe(runtime().masterKeys.configured().id)
    },
  )

  test('a running process finds the new key by itself', async () => {
    const { tenantId, owner } = await founded()
    await putSeed(tenantId, owner.personId, await sealedSeed(tenantId, owner.personId))
    const { dataDir, logins } = runtime()
    // A process from before, with the old file in its memory.
    const before = createRuntime({ dataDir, logins })
    await rotateMasterKey()
    await setRuntime(before)
    testingOnlyForgetKeys()
    expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
    await founded()
  })

  test('another key in the file stops the start', async () => {
    await rotateMasterKey()
    const bytes = readFileSync(masterFile())
    writeFileSync(masterFile(), Buffer.alloc(32, 1))
    await expect(restart()).rejects.toThrow(/wrapped under the master key file:.*GATEHOUSE_MASTER_KEY_FILE/)
    writeFileSync(masterFile(), bytes)
  })

  test('into Vault, to a newer version of its key, and back into a file', async () => {
    const { tenantId, owner } = await founded()
    await putSeed(tenantId, owner.personId, await sealedSeed(tenantId, owner.personId))
    const hmac = emailHmac('a@example.org')
    const stub = await startVaultStub()
    const transit = { address: stub.address, mount: 'transit', keyName: 'gatehouse', token: 'hvs.good' }
    try {
      // The environment names Vault now; the file still opens what it wrapped.
      await restart({ transit })
      expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
      expect(await getKeys(owner, {})).toMatchObject({ master: { provider: 'file', isMoving: true } })
      await rotateMasterKey()
      expect(await getKeys(owner, {})).toMatchObject({ master: { provider: 'vault-transit', isMoving: false } })
      expect((await dataKeys(tenantId))[0]?.wrapped?.toString()).toMatch(/^vault:v1:/)
      stub.rotate()
      await rotateMasterKey()
      expect((await dataKeys(tenantId))[0]?.wrapped?.toString()).toMatch(/^vault:v2:/)
      await restart({ transit, masterKeyFile: join(database.dataDir, 'no-such.key') })
      expect(emailHmac('a@example.org')).toEqual(hmac)
      expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
      // Away: what is open stays open, what must be asked for waits.
      await openSeed(tenantId, owner.personId)
      stub.fail(503, 503, 503)
      await openSeed(tenantId, owner.personId)
      forgetDataKeys(tenantId)
      await expect(openSeed(tenantId, owner.personId)).rejects.toMatchObject({ code: 'unavailable' })
      stub.fail(503, 503, 503)
      await expect(restart({ transit })).rejects.toMatchObject({ name: 'MasterKeyError' })
      await restart({ transit })
      await rotateMasterKey({ toFile: true })
      await restart()
      expect(await openSeed(tenantId, owner.personId)).toBe('a seed')
      expect(emailHmac('a@example.org')).toEqual(hmac)
    } finally {
      await stub.close()
    }
  })
})
