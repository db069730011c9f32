import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { ROOT } from './paths.mjs'
import { Refusal } from './refusal.mjs'

/** What makes exports, in the product and where that is measured. */
const EXPORTING = ['server/worker.ts', 'bench/audit-export.bench.ts']

/** Threads that collect garbage and compile beside the main one (Node: four): more of them than cores hinder each other. */
const HELPERS = Math.min(4, Math.max(1, availableParallelism() - 1))

/**
 * What arrives at the gateway is garbage as soon as it is written: room for it spares a seventh of its time. What outlives that room all
 * the same is collected before it is twice what is in use; by V8's own measure the process grows by 170 MB some minutes later.
 */
const GATEWAY = ['--max-semi-space-size=64', '--heap-growing-percent=80', `--v8-pool-size=${HELPERS}`]

/** Node arguments for one of our TypeScript entries. */
export function entryArgs(entry, ...preloads) {
  const imports = ['./scripts/lib/child-guard.mjs', ...preloads].map((file) => `--import=${file}`)
  const heap = entry === 'gateway/main.ts' ? GATEWAY : []
  // An export is a gigabyte of short-lived buffers outside the heap: counted by themselves, every 32 MB of them are a collection.
  const buffers = EXPORTING.includes(entry) ? ['--external-memory-accounted-in-global-limit'] : []
  return [
    ...heap,
    ...buffers,
    '--conditions=react-server',
    '--disable-warning=ExperimentalWarning',
    '--enable-source-maps',
    ...imports,
    entry,
  ]
}

/**
 * Migrates the database and writes the processes' own logins into the data directory's secrets.
 * @returns {Promise<{setupUrl: string | null}>} `setupUrl` is null once an organisation exists
 */
export async function bootstrap({ env, adminUrl, sink }) {
  const child = spawn(process.execPath, entryArgs('server/kernel/bootstrap-cli.ts'), {
    cwd: ROOT,
    env: { ...env, ADMIN_DATABASE_URL: adminUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((done) => child.once('exit', done)),
  ])
  if (code !== 0) throw new Refusal(err.trim() || `the database could not be prepared (exit ${code})`)
  const lines = out.trim().split('\n')
  const answer = lines.pop()
  for (const line of [...lines, ...err.split('\n')]) sink.pass('bootstrap', line)
  return JSON.parse(answer)
}

async function text(stream) {
  let all = ''
  for await (const chunk of stream) all += chunk
  return all
}
