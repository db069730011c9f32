import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '#gateway/test/started-gateway.ts'
import { openKeys } from '#server/kernel/keys.ts'
import { createRuntime, readSecrets, setRuntime } from '#server/kernel/runtime.ts'
import { bootstrap, entryArgs } from '../../scripts/lib/bootstrap.mjs'
import { answers } from '../../scripts/lib/health.mjs'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.mjs'
import { Wire } from './wire.ts'

export const VICTIMS = ['gateway', 'second gateway', 'worker', 'postgres'] as const
export type Victim = (typeof VICTIMS)[number]

/** Where a gateway is, as devices need it. */
export type Address = { url: string; ca: string }

/** A process that is started again as soon as it ends, as its supervisor would. */
class KeptProcess {
  readonly #entry: string
  readonly #env: Record<string, string>
  #child: ChildProcess | undefined
  #isStopping = false

  constructor(entry: string, env: Record<string, string>) {
    this.#entry = entry
    this.#env = env
    this.#start()
  }

  #start(): void {
    if (this.#isStopping) return
    const output = process.env.FAULTS_LOG ? 'inherit' : 'ignore'
    const child = spawn(process.execPath, entryArgs(this.#entry), {
      // The guard ends it with us, however we end.
      env: { ...process.env, NODE_OPTIONS: '', ...this.#env, GATEHOUSE_GUARD_FD: '3' },
      stdio: ['ignore', output, output, 'pipe'],
    })
    child.stdio[3]?.on('error', () => {})
    // One that cannot start while its database is away is not tried at full speed.
    child.once('exit', () => setTimeout(() => this.#start(), 200))
    this.#child = child
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

type Kept = Record<Exclude<Victim, 'postgres'>, KeptProcess>
type Made = { dataDir: string; wire: Wire; gateways: readonly Address[]; kept: Kept; postgres: RunningPostgres }

/**
 * Two gateways, the worker and a durable PostgreSQL, each a process that may be killed and comes back, in a directory of their
 * own. They reach PostgreSQL through `wire`; this process has a runtime beside them that does not.
 */
export class Site {
  readonly dataDir: string
  readonly wire: Wire
  readonly gateways: readonly Address[]
  readonly #kept: Kept
  #postgres: RunningPostgres
  #isBack: Promise<unknown> = Promise.resolve()

  private constructor({ dataDir, wire, gateways, kept, postgres }: Made) {
    this.dataDir = dataDir
    this.wire = wire
    this.gateways = gateways
    this.#kept = kept
    this.#postgres = postgres
  }

  static async start(): Promise<Site> {
    const dataDir = join(mkdtempSync(join(tmpdir(), 'gatehouse-faults-')), 'data')
    mkdirSync(dataDir, { mode: 0o711 })
    const postgres = await startPostgres({ dataDir })
    const env = { GATEHOUSE_DATA_DIR: dataDir, LOG_LEVEL: 'warn' }
    const sink = { pass: () => {}, log: () => {} }
    await bootstrap({ env: { ...process.env, ...env }, adminUrl: postgres.url, sink })
    const wire = await Wire.open(postgres.port)
    await setRuntime(createRuntime({ dataDir, logins: leadThrough(dataDir, wire) }))
    await openKeys()
    const [first, second] = [await freePort(), await freePort()]
    const gatewayAt = (port: number) => new KeptProcess('gateway/main.ts', { ...env, GATEWAY_PORT: String(port) })
    // The first makes the certificates' authority, which both use.
    const gateway = gatewayAt(first)
    await untilReady(first)
    const kept = { gateway, 'second gateway': gatewayAt(second), worker: new KeptProcess('server/worker.ts', env) }
    await untilReady(second)
    const ca = readFileSync(join(dataDir, 'ca.pem'), 'utf8')
    const gateways = [first, second].map((port) => ({ url: urlOf(port), ca }))
    return new Site({ dataDir, wire, gateways, kept, postgres })
  }

  /** kill -9; it comes back by itself. PostgreSQL recovers from what it had written. */
  kill(victim: Victim): void {
    if (victim !== 'postgres') {
      this.#kept[victim].kill()
      return
    }
    const { pid, exited, port } = this.#postgres
    if (pid) process.kill(pid, 'SIGKILL')
    this.#isBack = (async () => {
      await exited
      this.#postgres = await startPostgres({ dataDir: this.dataDir, port })
    })()
    // Whoever waits for `isBack` hears of it.
    this.#isBack.catch(() => {})
  }

  /** Resolves when PostgreSQL is there again. */
  get isBack(): Promise<unknown> {
    return this.#isBack
  }

  async stop(): Promise<void> {
    await this.#isBack.catch(() => {})
    await Promise.all(Object.values(this.#kept).map((kept) => kept.stop()))
    await setRuntime(undefined)
    await this.wire.close()
    await this.#postgres.stop()
    rmSync(join(this.dataDir, '..'), { recursive: true, force: true })
  }
}

/** Writes logins that go through the wire for the processes; gives back those that do not. */
function leadThrough(dataDir: string, wire: Wire) {
  const secrets = readSecrets(dataDir)
  if (!secrets.database) throw new Error('the bootstrap wrote no logins')
  const { reader, writer, worker } = secrets.database
  const database = { reader: wire.through(reader), writer: wire.through(writer), worker: wire.through(worker) }
  writeFileSync(join(dataDir, 'secrets.json'), JSON.stringify({ ...secrets, database }), { mode: 0o600 })
  return { reader, writer, worker, setRole: null }
}

function urlOf(port: number): string {
  return `https://localhost:${port}`
}

async function untilReady(port: number): Promise<void> {
  for (let n = 0; n < 600; n++) {
    if (await answers(`${urlOf(port)}/readyz`)) return
    await sleep(100)
  }
  throw new Error('a gateway was not ready in a minute')
}
