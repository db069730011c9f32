import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Page } from '@playwright/test'
import pg from 'pg'
import { uuidv7 } from '#lib/uuid.ts'
import { decisions } from '#server/approvals/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { createRuntime, readSecrets, setRuntime } from '#server/kernel/runtime.ts'
import { updateTenantSettings } from '#server/tenants/commands.ts'
import { tenantSettings } from '#server/tenants/schema.ts'
import type { Instance } from './instance.ts'
import { until } from './wait.ts'

const GATEHOUSE = path.resolve(import.meta.dirname, '../../bin/gatehouse.mjs')

export type ApiAnswer = { status: number; headers: Headers; body: Record<string, unknown> }

/** Whoever runs the server: its command line, an API key with every scope, and the operator's own decisions. */
export interface Operator {
  tenantId: string
  owner: { personId: string; email: string; password: string }
  /** One call of the admin API, whatever it answers. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>
  /** The same, again under one Idempotency-Key until the server is there to answer; fails on a refusal. */
  insist(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>
  /** Agrees to an erase that the key asked for. */
  approve(wipeId: string): Promise<void>
  close(): Promise<void>
}

/** Founds the organisation on an instance that has none. Its undo window is the shortest there is. */
export async function foundOrganisation(instance: Instance, { budget = 50 } = {}): Promise<Operator> {
  const [email, password] = ['owner@example.org', 'a long enough passphrase']
  const init = ['init', '--org', 'Faults', '--owner', email, '--password-stdin', '--json']
  const { tenantId, personId } = await gatehouse<{ tenantId: string; personId: string }>(instance, init, password)
  const scopes =
    'devices:read,devices:write,devices:wipe,people:read,people:write,content:read,content:write,policies:read,policies:write,audit:read,audit:unmask'
  const key = ['api-key', 'create', '--name', 'faults', '--scopes', scopes, '--json']
  const { token } = await gatehouse<{ token: string }>(instance, key)
  const { database } = readSecrets(instance.dataDir)
  if (!database) throw new Error('the instance has no database')
  await setRuntime(createRuntime({ dataDir: instance.dataDir, logins: { ...database, setRole: null } }))
  const operator = systemActor(tenantId, 'operator')
  const brake = { undoSeconds: 5, unitsPerActorPerHour: budget, unitsPerTenantPerHour: budget }
  await updateTenantSettings(operator, { settings: tenantSettings.parse({ brake }) })

  const call = (method: string, to: string, body?: unknown, idempotencyKey?: string) =>
    callApi(`${instance.consoleUrl}/api/v1${to}`, { method, token, body, idempotencyKey })
  return {
    tenantId,
    owner: { personId, email, password },
    api: call,
    insist: async (method, to, body) => {
      const idempotencyKey = uuidv7()
      const { status, body: answer } = await until(`${method} ${to}`, async () => {
        const attempt = await call(method, to, body, idempotencyKey)
        return attempt.status < 500 && attempt
      })
      if (status >= 400) throw new Error(`${method} ${to}: ${status} ${JSON.stringify(answer)}`)
      return answer
    },
    approve: async (requestId) => {
      const options = { idempotencyKey: uuidv7() }
      await until(`the approval of ${requestId}`, () =>
        decisions['device.wipe'].approve(operator, { requestId }, options),
      )
    },
    close: () => setRuntime(undefined),
  }
}

type Call = { method: string; token: string; body: unknown; idempotencyKey: string | undefined }

async function callApi(url: string, { method, token, body, idempotencyKey }: Call): Promise<ApiAnswer> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
    },
    ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  })
  const said = await response.text()
  return { status: response.status, headers: response.headers, body: said.startsWith('{') ? JSON.parse(said) : {} }
}

/** Runs `gatehouse … --json` as anyone would, and gives what it printed. */
export async function gatehouse<T>(instance: Instance, args: readonly string[], input = ''): Promise<T> {
  const env = { ...instance.env, NODE_OPTIONS: '' } as unknown as NodeJS.ProcessEnv
  const child = spawn(process.execPath, [GATEHOUSE, ...args], { env, stdio: 'pipe' })
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Error(`gatehouse ${args[0]}: exit ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** The log's public key, from the line that the page of exports hands out. */
export async function shownKey(page: Page): Promise<string> {
  await page.goto('/audit/exports')
  const line = await page.getByText(/^npx gatehouse verify FILE\.zip --key/).textContent()
  return /--key '(.+)'/.exec(line ?? '')?.[1] ?? ''
}

/** The database as its superuser: what a test looks at when the product's own word is not enough. */
export async function withSuperuser<T>(
  instance: Instance,
  work: (client: pg.Client) => Promise<T>,
  database = 'gatehouse',
): Promise<T> {
  const { postgresPassword, postgresPort } = JSON.parse(
    fs.readFileSync(path.join(instance.dataDir, 'secrets.json'), 'utf8'),
  ) as { postgresPassword: string; postgresPort: number }
  const client = new pg.Client(`postgresql://postgres:${postgresPassword}@127.0.0.1:${postgresPort}/${database}`)
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Takes the database away from everybody but the superuser, for as long as `work` lasts. */
export async function withoutDatabase(instance: Instance, work: () => Promise<void>): Promise<void> {
  const allow = (isAllowed: boolean) =>
    withSuperuser(
      instance,
      async (client) => {
        await client.query(`ALTER DATABASE gatehouse ALLOW_CONNECTIONS ${isAllowed}`)
        if (!isAllowed)
          await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'gatehouse'`)
      },
      'postgres',
    )
  await allow(false)
  try {
    await work()
  } finally {
    await allow(true)
  }
}
