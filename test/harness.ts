import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import type { ApiKeyActor, PersonActor } from '#server/kernel/actor.ts'
import { testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { openKeys, testingOnlyForgetKeys } from '#server/kernel/keys.ts'
import { migrate } from '#server/kernel/migrate.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { createRuntime, setRuntime } from '#server/kernel/runtime.ts'

export type TestDatabase = {
  /** Superuser of the test's own database: what an attacker who owns the database could use. */
  superuser: pg.Pool
  adminUrl: string
  dataDir: string
}

/** A migrated database and data directory for one test file, made before its tests and dropped after them. */
export function useDatabase(): TestDatabase {
  const database = `gh_${process.pid}_${randomBytes(4).toString('hex')}`
  const made: Partial<TestDatabase> = {}
  beforeAll(async () => {
    const serverUrl = inject('adminUrl')
    await withServer(serverUrl, (client) => client.query(`CREATE DATABASE ${database}`))
    const url = new URL(serverUrl)
    url.pathname = `/${database}`
    const passwords = { reader: 'reader', writer: 'writer', worker: 'worker' }
    await migrate({ adminUrl: url.href, passwords })
    const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-test-'))
    const login = (role: keyof typeof passwords) => {
      const own = new URL(url)
      own.username = `${database}_${role}`
      own.password = passwords[role]
      return own.href
    }
    const logins = { reader: login('reader'), writer: login('writer'), worker: login('worker'), setRole: null }
    await setRuntime(createRuntime({ dataDir, logins }))
    await openKeys()
    const superuser = new pg.Pool({ connectionString: url.href, max: 4 })
    // Dropping the database ends what is still closing.
    superuser.on('error', () => {})
    Object.assign(made, { superuser, adminUrl: url.href, dataDir })
  })
  afterAll(async () => {
    testingOnlyResetClock()
    testingOnlyForgetKeys()
    await setRuntime(undefined)
    await made.superuser?.end()
    if (made.dataDir) rmSync(made.dataDir, { recursive: true, force: true })
    await withServer(inject('adminUrl'), async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
      for (const role of ['reader', 'writer', 'worker', 'search', 'retention', 'backup', 'owner'])
        await client.query(`DROP ROLE IF EXISTS ${database}_${role}`)
    })
  })
  // Filled by beforeAll; the tests run after it.
  return made as TestDatabase
}

async function withServer(url: string, run: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await run(client)
  } finally {
    await client.end()
  }
}

export { makePerson, makeTenant, type PersonOptions } from './made.ts'

export function makeApiKeyActor(
  tenantId: string,
  permissions: readonly Permission[],
  createdBy: string | null = null,
): ApiKeyActor {
  return {
    kind: 'api_key',
    tenantId,
    apiKeyId: uuidv7(),
    name: 'test key',
    createdBy,
    permissions: new Set(permissions),
    address: '127.0.0.1',
  }
}

/** A step-up grant for exactly the request with `hash`, as the second-factor door would make it. */
export async function makeGrant(actor: PersonActor, hash: Uint8Array): Promise<string> {
  const id = uuidv7()
  await runInTransaction({ actor, name: 'auth.step_up' }, async ({ tx, tenantId, now: at }) => {
    await tx.stepUpGrant.create({
      data: {
        tenantId,
        id,
        sessionId: actor.sessionId,
        requestHash: new Uint8Array(hash),
        method: 'totp',
        expiresAt: new Date(at.getTime() + 60_000),
      },
    })
    return { result: null, audit: { action: 'auth.step_up' } }
  })
  return id
}

export type LoggedEntry = { index: number; entry: AuditEntry; personal: Personal }

/** The organisation's whole log in order, read as superuser. */
export async function readLog({ superuser }: TestDatabase, tenantId: string): Promise<LoggedEntry[]> {
  const { rows } = await superuser.query<{ index: string; entry: string; personal: string }>(
    `SELECT e.index, e.entry, e.personal FROM audit_entry e WHERE e.tenant_id = $1 ORDER BY e.index`,
    [tenantId],
  )
  return rows.map((row) => ({
    index: Number(row.index),
    entry: JSON.parse(row.entry) as AuditEntry,
    personal: JSON.parse(row.personal) as Personal,
  }))
}
