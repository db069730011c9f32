import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { answers } from '../../scripts/lib/health.mjs'
import { freePort } from '../../scripts/lib/ports.mjs'

const ROOT = path.resolve(import.meta.dirname, '../..')
const START = path.join(ROOT, 'scripts/start.mjs')

export type ProcessName = 'console' | 'gateway' | 'worker' | 'postgres' | 'supervisor'

/** A whole product of its own: ports, data directory and database, as `npm start` gives it to anyone. */
export interface Instance {
  consoleUrl: string
  gatewayUrl: string
  /** The one-time link of the first run; null once an organisation exists. */
  setupUrl: string | null
  dataDir: string
  /** The gateway's CA, for `gatehouse-agent enroll --ca`. */
  caFile: string
  env: Readonly<Record<string, string>>
  /** What it logged so far. */
  logs(): string
  /** Whether the gateway says that it is ready. */
  isGatewayReady(): Promise<boolean>
  /** Kills one of its processes outright (kill -9). */
  kill(name: ProcessName): void
  /** Stops it in order and starts it again on the same data directory; new links and processes, same URLs. */
  restart(): Promise<void>
  /** Stops it in order; `remove` also takes the data directory away. */
  stop(options?: { remove?: boolean }): Promise<void>
}

interface Running {
  child: ChildProcess
  exited: Promise<number | null>
  setupUrl: string | null
}

type Options = {
  env?: Record<string, string>
  /** May change the empty data directory before the start. */
  prepare?: (dataDir: string) => void
  /** `npm run demo` instead of `npm start`. */
  isDemo?: boolean
  /** Of an instance that ran before; else a new one. */
  dataDir?: string
}

/** Starts the product and waits for its ready line. */
export async function startInstance(options: Options = {}): Promise<Instance> {
  const dataDir = options.dataDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-e2e-'))
  // As root the database runs under an account of its own, which must pass through here.
  fs.chmodSync(dataDir, 0o711)
  options.prepare?.(dataDir)
  const [port, gatewayPort] = [await freePort(), await freePort()]
  const env: Record<string, string> = {
    ...inherited(),
    PORT: String(port),
    GATEWAY_PORT: String(gatewayPort),
    GATEHOUSE_DATA_DIR: dataDir,
    LOG_LEVEL: 'info',
    ...options.env,
  }
  const log: string[] = []
  const args = options.isDemo ? ['--demo'] : []
  let running = await launch(env, args, log)
  return {
    consoleUrl: env.GATEHOUSE_URL ?? `http://localhost:${port}`,
    gatewayUrl: `https://localhost:${gatewayPort}`,
    get setupUrl() {
      return running.setupUrl
    },
    dataDir,
    caFile: path.join(dataDir, 'ca.pem'),
    env,
    logs: () => log.join('\n'),
    isGatewayReady: async () => Boolean(await answers(`https://localhost:${gatewayPort}/readyz`)),
    kill: (name) => process.kill(pidOf(dataDir, name), 'SIGKILL'),
    restart: async () => {
      await stop(running)
      running = await launch(env, args, log)
    },
    stop: async ({ remove = true } = {}) => {
      await stop(running)
      if (remove) removeDataDir(dataDir)
    },
  }
}

/** Our own environment without what would configure the product or change how its Node resolves. */
function inherited(): Record<string, string> {
  const own = /^(GATEHOUSE_(?!CHROMIUM)|PORT$|GATEWAY_PORT$|DATABASE_URL$|SMTP_URL$|NODE_OPTIONS$|NODE_ENV$|npm_)/
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name))
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

async function launch(env: Record<string, string>, args: readonly string[], log: string[]): Promise<Running> {
  // Next's types demand NODE_ENV, which the product sets for its own processes.
  const child = spawn(process.execPath, [START, ...args], {
    cwd: ROOT,
    env: env as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const setupUrl = await new Promise<string | null>((resolve, reject) => {
    let setup: string | null = null
    const hear = (line: string) => {
      log.push(line)
      setup ??= /^ {2}Setup {4}(\S+)/.exec(line)?.[1] ?? null
      // The last of the lines that follow `Gatehouse is ready`.
      if (line.startsWith('  Gateway  ')) resolve(setup)
    }
    for (const stream of [child.stdout, child.stderr]) readline.createInterface({ input: stream }).on('line', hear)
    void exited.then((code) =>
      reject(new Error(`the product ended with ${code} before it was ready:\n${log.slice(-40).join('\n')}`)),
    )
  })
  return { child, exited, setupUrl }
}

async function stop({ child, exited }: Running): Promise<void> {
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await exited
  clearTimeout(late)
}

function pidOf(dataDir: string, name: ProcessName): number {
  const pids: Record<string, number | null> = JSON.parse(fs.readFileSync(path.join(dataDir, 'processes.json'), 'utf8'))
  const pid = pids[name]
  if (!pid) throw new Error(`${name} is not running`)
  return pid
}

function removeDataDir(dataDir: string): void {
  const cluster = path.join(dataDir, 'postgres')
  const stat = fs.lstatSync(cluster, { throwIfNoEntry: false })
  if (stat?.isSymbolicLink()) fs.rmSync(path.dirname(fs.readlinkSync(cluster)), { recursive: true, force: true })
  fs.rmSync(dataDir, { recursive: true, force: true })
}
