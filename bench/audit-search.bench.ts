/**
 * Searches of a long log over the API, as a program with a key asks them, against the best SQL written by hand over a table that
 * has a column and an index for each question. The second and later calls: the first writes the search down and is told apart.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import pg from 'pg'
import '#server/http/wiring.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { startInstance } from '../e2e/support/instance.ts'
import { entryArgs } from '../scripts/lib/bootstrap.mjs'
import { DAY_MS, DAYS } from './log-drafts.ts'
import { layOutByHand, percentile, timeByHand } from './log-hand.ts'
import { loadLog } from './log-load.ts'
import { comparePages } from './log-pages.ts'
import { SHAPES, type Shape } from './log-shapes.ts'
import { logSize, overhead } from './log-size.ts'
import { timeWhoSaw } from './log-who-saw.ts'
import { foundOrganisation } from './place.ts'
import { type Run, report } from './report.ts'

const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000_000)
const CALLS = Number(process.env.BENCH_CALLS ?? 40)
const PAGE_TURNS = 200
/** `no` where the disk has no room for the table by hand: then it counts as taking no time at all. */
const WITH_HAND = process.env.BENCH_HAND !== 'no'
/** A directory whose logs stay: loaded by the first run, measured again by the next ones. */
const KEPT_DIR = process.env.BENCH_DATA
const STEP = 500_000
const IDLE_MS = 9_000

type Api = (path: string) => Promise<Record<string, unknown>>
type Timed = { first: number; p95: number }

function apiOf(consoleUrl: string, token: string): Api {
  return async (path) => {
    const answer = await fetch(`${consoleUrl}/api/v1/audit/${path}`, { headers: { authorization: `Bearer ${token}` } })
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
    return (await answer.json()) as Record<string, unknown>
  }
}

function pathOf({ q, days }: Shape): string {
  const query = new URLSearchParams({ q, limit: '50' })
  if (days) {
    query.set('from', new Date(Math.floor(Date.now() / 60_000) * 60_000 - 2 * days * DAY_MS).toISOString())
    query.set('to', new Date(Math.floor(Date.now() / 60_000) * 60_000 - days * DAY_MS).toISOString())
  }
  return `events?${query}`
}

async function timeOf(api: Api, path: string): Promise<number> {
  const startedMs = performance.now()
  await api(path)
  return performance.now() - startedMs
}

async function timed(api: Api, path: string, calls = CALLS): Promise<Timed> {
  const first = await timeOf(api, path)
  for (let n = 0; n < 2; n++) await timeOf(api, path)
  const taken: number[] = []
  for (let n = 0; n < calls; n++) taken.push(await timeOf(api, path))
  return { first, p95: percentile(taken, 0.95) }
}

/** One shape after the other: what asks all day finds the console warm. */
async function timeShapes(api: Api): Promise<Map<string, Timed>> {
  const times = new Map<string, Timed>()
  for (const shape of SHAPES) times.set(shape.name, await timed(api, pathOf(shape)))
  return times
}

async function timeHistogram(api: Api): Promise<number> {
  const from = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - 30 * DAY_MS).toISOString()
  const times: number[] = []
  for (const q of ['', 'action:file.view', 'action:file.view label:confidential', '-outcome:allowed'])
    times.push((await timed(api, `histogram?${new URLSearchParams({ q, from, buckets: '80' })}`)).p95)
  return Math.max(...times)
}

/** The slowest p95 of some shapes when nothing was asked for a while before each. */
async function timeAfterPauses(api: Api): Promise<number> {
  const times: Timed[] = []
  for (const shape of SHAPES.filter((_, n) => n % 4 === 1)) {
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
    times.push(await timed(api, pathOf(shape)))
  }
  return worst(times)
}

type Log = { tenantId: string; token: string; loadedPerSecond: number }

/** An organisation founded before its first event, its log over a hundred days, and the key that asks it. */
async function loadedLog(name: string, events: number): Promise<Log> {
  testingOnlyAdvanceClock(-(DAYS + 1) * DAY_MS)
  const { tenantId } = await foundOrganisation(name)
  const { token } = await createApiKey(systemActor(tenantId, 'bench'), {
    name: 'bench',
    scopes: ['audit:read', 'audit:unmask'],
  })
  const startedMs = performance.now()
  await loadLog(tenantId, events, progress())
  const loadedPerSecond = events / ((performance.now() - startedMs) / 1_000)
  return { tenantId, token, loadedPerSecond }
}

/** A log of its own for a tenth: a search is written down, and nothing is recorded before what was recorded last. */
async function logs(): Promise<{ short: Log; long: Log }> {
  const kept = join(instance.dataDir, 'bench-logs.json')
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8'))
  await admin.query(`SELECT audit_ensure_partitions((now() - interval '${DAYS + 2} days')::date, 5)`)
  const short = await loadedLog('A tenth', Math.floor(EVENTS / 10))
  const long = await loadedLog('Bench', EVENTS)
  await admin.query('VACUUM ANALYZE audit_entry, audit_run, audit_block, audit_posting')
  writeFileSync(kept, JSON.stringify({ short, long }))
  return { short, long }
}

/** Events a second, from the first event on that the log does not have. */
function startBackground(tenantId: string, rate: number): ChildProcess {
  const args = [...entryArgs('bench/log-background.ts'), tenantId, String(rate), String(EVENTS)]
  return spawn(process.execPath, args, { stdio: 'inherit' })
}

/** Tells each half million, and how fast the last one went. */
function progress(): (appended: number) => void {
  let [told, toldMs] = [0, performance.now()]
  return (appended) => {
    if (Math.floor(appended / STEP) === Math.floor(told / STEP)) return
    const nowMs = performance.now()
    console.log(`${appended} events, ${Math.round((appended - told) / ((nowMs - toldMs) / 1_000))} a second`)
    told = appended
    toldMs = nowMs
  }
}

const worst = (times: Iterable<Timed>) =>
  percentile(
    [...times].map(({ p95 }) => p95),
    1,
  )

if (KEPT_DIR) mkdirSync(KEPT_DIR, { recursive: true, mode: 0o711 })
const instance = await startInstance({
  env: { LOG_LEVEL: 'warn' },
  ...(KEPT_DIR ? { dataDir: resolve(KEPT_DIR) } : {}),
})
Object.assign(process.env, { GATEHOUSE_DATA_DIR: instance.dataDir, NODE_ENV: 'production', LOG_LEVEL: 'warn' })
const admin = new pg.Client({ connectionString: adminUrlOf(instance.dataDir) })
try {
  await admin.connect()
  const { short, long } = await logs()
  const { tenantId, loadedPerSecond } = long
  const api = apiOf(instance.consoleUrl, long.token)
  const size = await logSize(admin)
  const early = await timeShapes(apiOf(instance.consoleUrl, short.token))
  const times = await timeShapes(api)
  if (WITH_HAND) await layOutByHand(admin, tenantId, (step) => console.log(`by hand: ${step}`))
  const rows: { shape: Shape; ours: Timed; hand: number }[] = []
  for (const shape of SHAPES) {
    const ours = times.get(shape.name)
    if (ours) rows.push({ shape, ours, hand: WITH_HAND ? await timeByHand(admin, shape, CALLS) : 0 })
  }
  const pages = await comparePages(api, Math.max(CALLS, PAGE_TURNS))
  const histogram = await timeHistogram(api)
  const afterPauses = await timeAfterPauses(api)
  const saw = await timeWhoSaw(admin, tenantId)
  const background = startBackground(tenantId, loadedPerSecond / 2)
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  const busy = await timeShapes(api)
  background.kill('SIGTERM')
  await once(background, 'exit')
  console.log('shape'.padEnd(28), 'first   p95     hand    allowed (1.2 x hand + 8 ms)')
  for (const { shape, ours, hand } of rows) {
    const allowed = 1.2 * hand + 8
    const cells = [ours.first, ours.p95, hand, allowed].map((value) => value.toFixed(1).padStart(7))
    console.log(shape.name.padEnd(28), ...cells, ours.p95 <= allowed && ours.p95 <= 100 ? '' : '  <- more')
  }
  const runs = rows.map(({ ours, hand }): Run => ({ ours: ours.p95, baseline: 1.2 * hand + 8 }))
  const quiet = worst(rows.map(({ ours }) => ours))
  report({
    name: 'audit-search',
    unit: 'ms (p95 of a shape; baseline: 1.2 x the best SQL by hand + 8 ms)',
    runs,
    notes: {
      events: `${size.events}, ${Math.round(loadedPerSecond)} appended a second`,
      'by hand': WITH_HAND ? 'measured' : 'not measured, counted as 0 ms',
      'shapes within': `${runs.filter(({ ours, baseline }) => ours <= baseline && ours <= 100).length} of ${runs.length}`,
      'slowest p95, ms': quiet.toFixed(1),
      [`slowest p95 of 6 shapes, each after ${IDLE_MS / 1_000} s without a request, ms`]: afterPauses.toFixed(1),
      'slowest first call, ms': Math.max(...rows.map(({ ours }) => ours.first)).toFixed(1),
      'p95 against that at a tenth of the events (median of shapes)': medianRatio(rows, early).toFixed(2),
      'p95 while appending at half rate (median of shapes)': (1 / medianRatio(rows, busy)).toFixed(2),
      'page 1,000 against page 1': pages,
      'histogram of 30 days, slowest p95 of 4 queries, ms': histogram.toFixed(1),
      'who saw this file': saw,
      'bytes an event beyond entry and personal values': Math.round(overhead(size)),
      'disk by table, bytes an event': Object.entries(size.byTable)
        .map(([table, bytes]) => `${table} ${Math.round(bytes / size.events)}`)
        .join(', '),
    },
  })
} finally {
  await admin.end()
  await closeRuntime()
  await instance.stop({ remove: !KEPT_DIR })
}

function medianRatio(rows: readonly { shape: Shape; ours: Timed }[], others: ReadonlyMap<string, Timed>): number {
  return percentile(
    rows.map(({ shape, ours }) => ours.p95 / (others.get(shape.name)?.p95 ?? ours.p95)),
    0.5,
  )
}

/** The superuser of the instance's own database. */
function adminUrlOf(dataDir: string): string {
  const { postgresPassword, postgresPort } = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')) as {
    postgresPassword: string
    postgresPort: number
  }
  return `postgresql://postgres:${postgresPassword}@127.0.0.1:${postgresPort}/gatehouse`
}
