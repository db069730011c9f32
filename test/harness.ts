import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { type ApiKeyActor, type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { now, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { openKeys, testingOnlyForgetKeys } from '#server/kernel/keys.ts'
import { migrate } from '#server/kernel/migrate.ts'
import { type Permission, ROLE_PERMISSIONS, type Role } from '#server/kernel/permissions.ts'
import { createRuntime, setRuntime } from '#server/kernel/runtime.ts'
import { writeTenant } from '#server/tenants/commands.ts'

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
      for (const role of ['reader', 'writer', 'worker', 'search', 'retention', 'owner'])
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

/** Founds an organisation without people. */
export async function makeTenant(name = `Org ${randomBytes(4).toString('hex')}`): Promise<string> {
  const tenantId = uuidv7()
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'tenant.create' }, async (context) => {
    await writeTenant(context, { name, origin: 'localhost:8443/log' })
    return { result: null, audit: { action: 'tenant.create', target: { type: 'tenant', id: tenantId, name } } }
  })
  return tenantId
}

export type PersonOptions = { role?: Role; name?: string; email?: string; founder?: boolean }

/** A person of the organisation and the actor of an active session whose second factor is fresh. */
export async function makePerson(
  tenantId: string,
  { role = 'admin', name = `Person ${role}`, email, founder = false }: PersonOptions = {},
): Promise<PersonActor> {
  const personId = uuidv7()
  const sessionId = uuidv7()
  const address = email ?? `${personId}@example.org`
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'person.create' }, async ({ tx, now: at }) => {
    await tx.person.create({ data: { tenantId, id: personId, email: address, name, role, status: 'active', founder } })
    await tx.session.create({
      data: {
        tenantId,
        id: sessionId,
        personId,
        tokenHash: new Uint8Array(32),
        state: 'active',
        factorAt: at,
        address: '127.0.0.1',
        userAgent: 'test',
        expiresAt: new Date(at.getTime() + 3_600_000),
      },
    })
    return { result: null, audit: { action: 'person.create', target: { type: 'person', id: personId, name } } }
  })
  return {
    kind: 'person',
    tenantId,
    personId,
    name,
    email: address,
    role,
    founder,
    permissions: new Set(ROLE_PERMISSIONS[role]),
    sessionId,
    sessionState: 'active',
    factorAt: now(),
    address: '127.0.0.1',
    userAgent: 'test',
  }
}

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
