import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '#gateway/test/started-gateway.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { mergesFor } from '#server/audit/index/merge.ts'
import { readShape } from '#server/audit/index/runs.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { ROLE_PERMISSIONS } from '#server/kernel/permissions.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { writeTenant } from '#server/tenants/commands.ts'
import { bootstrap, entryArgs } from '../scripts/lib/bootstrap.mjs'
import { answers } from '../scripts/lib/health.mjs'
import { startPostgres } from '../scripts/lib/postgres.mjs'

export type Worker = {
  pid: number
  /** Waits until the index of what was appended is merged. */
  settled: (tenantId: string) => Promise<void>
}

export type Place = {
  adminUrl: string
  dataDir: string
  gatewayUrl: string
  gatewayPid: number
  ca: string
  startWorker: () => Promise<Worker>
  stop: () => Promise<void>
}

/** A durable PostgreSQL and the gateway as its own process, with the settings of a real start: in a directory of their own, or in one that stays. */
export async function makePlace(keptDir?: string): Promise<Place> {
  const dataDir = keptDir ?? join(mkdtempSync(join(tmpdir(), 'gatehouse-bench-')), 'data')
  mkdirSync(dataDir, { mode: 0o700, recursive: true })
  const gatewayPort = await freePort()
  Object.assign(process.env, {
    GATEHOUSE_DATA_DIR: dataDir,
    GATEWAY_PORT: String(gatewayPort),
    NODE_ENV: 'production',
    LOG_LEVEL: 'warn',
  })
  const postgres = await startPostgres({ dataDir })
  await bootstrap({ env: process.env, adminUrl: postgres.url, sink: { pass: () => {} } })
  const profile = process.env.BENCH_PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] : []
  const gateway = spawn(process.execPath, [...profile, ...entryArgs('gateway/main.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const gatewayUrl = `https://localhost:${gatewayPort}`
  await untilReady(gateway, `${gatewayUrl}/readyz`)
  const children = [gateway]
  const startWorker = async (): Promise<Worker> => {
    const worker = spawn(process.execPath, entryArgs('server/worker.ts'), { stdio: ['ignore', 'inherit', 'inherit'] })
    children.push(worker)
    return { pid: worker.pid ?? 0, settled: untilMerged }
  }
  const stop = async () => {
    for (const child of children.reverse()) {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    }
    await closeRuntime()
    // Started as root it lies elsewhere, where the database's own account can reach it, with a link to it.
    const cluster = realpathSync(join(dataDir, 'postgres'))
    await postgres.stop()
    if (keptDir) return
    if (!cluster.startsWith(realpathSync(dataDir))) rmSync(join(cluster, '..'), { recursive: true, force: true })
    rmSync(join(dataDir, '..'), { recursive: true, force: true })
  }
  const ca = readFileSync(join(dataDir, 'ca.pem'), 'utf8')
  const gatewayPid = gateway.pid ?? 0
  return { adminUrl: postgres.url, dataDir, gatewayUrl, gatewayPid, ca, startWorker, stop }
}

async function untilMerged(tenantId: string): Promise<void> {
  for (;;) {
    const shape = await pgTransaction('reader', tenantId, (_client, sql) => readShape(sql, tenantId))
    if (mergesFor(shape?.runs ?? []).length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  for (let n = 0; n < 200; n++) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`)
    if (await answers(url)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the gateway was not ready in 20 s')
}

/** An organisation with its founding owner, who is signed in. */
export async function foundOrganisation(name: string): Promise<PersonActor> {
  const [tenantId, personId] = [uuidv7(), uuidv7()]
  await runInTransaction({ actor: systemActor(tenantId, 'bench'), name: 'tenant.create' }, async (context) => {
    await writeTenant(context, { name, origin: 'localhost/log' })
    const data = {
      tenantId,
      id: personId,
      email: 'bench@example.org',
      name: 'Bench',
      role: 'owner',
      status: 'active',
      founder: true,
    }
    await context.tx.person.create({ data, select: { id: true } })
    return { result: null, audit: { action: 'tenant.create', target: { type: 'tenant', id: tenantId, name } } }
  })
  return ownerOf(tenantId, personId)
}

/** Somebody who owns the organisation, signed in a moment ago. */
export function ownerOf(tenantId: string, personId: string): PersonActor {
  return {
    kind: 'person',
    tenantId,
    personId,
    name: 'Bench',
    email: 'bench@example.org',
    role: 'owner',
    founder: true,
    permissions: new Set(ROLE_PERMISSIONS.owner),
    sessionId: uuidv7(),
    sessionState: 'active',
    factorAt: new Date(),
    address: '127.0.0.1',
    userAgent: 'bench',
  }
}
