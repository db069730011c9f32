/**
 * Acknowledged events a second over HTTPS with DPoP: durable, in the tree and searchable, with the worker merging the index
 * beside it; against COPY of the same rows as superuser into the same tables with the same transactions, and against COPY of
 * the entries into a heap without any index. Then the same when the log is long, and what a search finds how soon.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { searchAudit } from '#server/audit/queries.ts'
import { type CopiedAppend, copyBare, copyInto, copyOut } from './log-copy.ts'
import { cpuUsed } from './log-cpu.ts'
import { BATCH, Sender, sendAll } from './log-senders.ts'
import { logSize, overhead } from './log-size.ts'
import { foundOrganisation, makePlace, ownerOf, type Place } from './place.ts'
import { median, type Run, report } from './report.ts'

const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000_000)
const RUNS = Number(process.env.BENCH_RUNS ?? 5)
/** Each waits for its answer before it sends again: so many keep the gateway from waiting for them. */
const DEVICES = 16
/** Where `audit-search` keeps a long log: what goes into that one, too, is measured. */
const KEPT_DIR = process.env.BENCH_DATA
/** Batches of each device in a measured run: 192,000 events. A third as many tell more of how the pipeline fills and empties. */
const BATCHES = 24
const PER_RUN = DEVICES * BATCHES * BATCH

function residentMb(pid: number): number {
  const [, kb] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kb ?? 0) / 1024)
}

type MeasuredRun = Run & { bare: number }

/** One more run before those that count: it warms both sides up (connections, plans, compiled code, the files of new tables). */
async function measureRuns(
  senders: readonly Sender[],
  superuser: pg.Client,
  appends: readonly CopiedAppend[],
  roots: Readonly<Record<string, number>>,
) {
  const runs: MeasuredRun[] = []
  const spent: Record<string, number>[] = []
  const memory: number[] = []
  for (let n = 0; n <= RUNS; n++) {
    let before: Record<string, number> = {}
    const ours = await sendAll(senders, BATCHES, () => {
      before = cpuUsed(roots)
    })
    spent.push(difference(cpuUsed(roots), before))
    memory.push(residentMb(roots.gateway ?? 0))
    const baseline = await copyInto(superuser, appends)
    runs.push({ ours, baseline, bare: await copyBare(superuser, appends) })
  }
  const [first, ...counted] = runs
  console.log(`uncounted: ${Math.round(first?.ours ?? 0)} ours, ${Math.round(first?.baseline ?? 0)} by COPY, a second`)
  return { runs: counted, cpu: perEvent(spent.slice(1)), memory: memory.slice(1) }
}

function difference(after: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>) {
  return Object.fromEntries(Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)]))
}

/** Microseconds of processor time an event, by process. */
function perEvent(spent: readonly Record<string, number>[]): Record<string, number> {
  const events = spent.length * PER_RUN
  const names = Object.keys(spent[0] ?? {})
  return Object.fromEntries(
    names.map((name) => [name, (spent.reduce((sum, run) => sum + (run[name] ?? 0), 0) * 1e6) / events]),
  )
}

/** The process whose children serve the database's connections. */
async function postmaster(superuser: pg.Client): Promise<number> {
  const { rows } = await superuser.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const [, parent = '0'] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${rows[0]?.pid}/status`, 'utf8')) ?? []
  return Number(parent)
}

/** From the acknowledgement of an event to the answer that has it, in milliseconds. */
async function untilFound(sender: Sender, owner: Parameters<typeof searchAudit>[0]): Promise<number> {
  const word = `needle${Date.now().toString(36)}`
  const requests = await sender.prepare(1, () => ({ labels: [word] }))
  await sender.send(requests)
  const startedMs = performance.now()
  for (;;) {
    const { items } = await searchAudit(owner, { q: `label:${word}`, limit: 1 })
    if (items.length > 0) return performance.now() - startedMs
  }
}

async function measure(place: Place, superuser: pg.Client) {
  const owner = await foundOrganisation('Bench')
  const senders = await Promise.all(Array.from({ length: DEVICES }, () => Sender.enroll(place, owner)))
  await sendAll(senders, 8)
  const appends = await copyOut(superuser, owner.tenantId, { most: 24, least: BATCH })
  const worker = await place.startWorker()
  const roots = { gateway: place.gatewayPid, worker: worker.pid, database: await postmaster(superuser) }
  const empty = await measureRuns(senders, superuser, appends, roots)
  const memory = [...empty.memory]
  const rounds = Math.max(0, Math.ceil((EVENTS - 2 * (RUNS + 1) * PER_RUN) / PER_RUN))
  for (let n = 0; n < rounds; n++) {
    await sendAll(senders, BATCHES)
    memory.push(residentMb(place.gatewayPid))
    if (n % 4 === 3) console.log(`${(n + RUNS + 2) * PER_RUN} events`)
  }
  const full = await measureRuns(senders, superuser, appends, roots)
  memory.push(...full.memory)
  // The console that searches is a running one: its first search waits for connections and for code to be compiled.
  for (let n = 0; n < 3; n++) await searchAudit(owner, { q: `label:warm-${n}`, limit: 1 })
  const found: number[] = []
  for (const sender of senders) found.push(await untilFound(sender, owner))
  await worker.settled(owner.tenantId)
  await superuser.query('DROP TABLE IF EXISTS bare_heap')
  await superuser.query(`DELETE FROM audit_entry WHERE tenant_id <> '${owner.tenantId}'`)
  for (const table of ['audit_run', 'audit_block', 'audit_posting'])
    await superuser.query(`DELETE FROM ${table} WHERE tenant_id <> '${owner.tenantId}'`)
  await superuser.query('VACUUM FULL audit_entry, audit_run, audit_block, audit_posting')
  const size = await logSize(superuser)
  for (const sender of senders) sender.close()
  return { empty, full, memory, found, size }
}

/** The same into a log that was long before, in its own organisation. */
async function measureKept(place: Place, superuser: pg.Client) {
  const kept = JSON.parse(readFileSync(join(place.dataDir, 'bench-logs.json'), 'utf8')) as {
    long: { tenantId: string }
  }
  const { tenantId } = kept.long
  const { rows } = await superuser.query<{ id: string }>('SELECT id::text FROM person WHERE tenant_id = $1 LIMIT 1', [
    tenantId,
  ])
  const owner = ownerOf(tenantId, rows[0]?.id ?? '')
  const senders = await Promise.all(Array.from({ length: DEVICES }, () => Sender.enroll(place, owner)))
  await sendAll(senders, 8)
  const appends = await copyOut(superuser, tenantId, { most: 24, least: BATCH })
  const worker = await place.startWorker()
  const roots = { gateway: place.gatewayPid, worker: worker.pid, database: await postmaster(superuser) }
  const measured = await measureRuns(senders, superuser, appends, roots)
  const { rows: heads } = await superuser.query<{ size: string }>(
    'SELECT size::text FROM audit_head WHERE tenant_id = $1',
    [tenantId],
  )
  for (const sender of senders) sender.close()
  return { ...measured, events: Number(heads[0]?.size) }
}

/** Runs it at a place, beside a superuser who only wants the rows in: without triggers. */
async function at<T>(keptDir: string | undefined, run: (place: Place, superuser: pg.Client) => Promise<T>): Promise<T> {
  const place = await makePlace(keptDir)
  const superuser = new pg.Client({ connectionString: place.adminUrl })
  try {
    await superuser.connect()
    await superuser.query('SET session_replication_role = replica')
    return await run(place, superuser)
  } finally {
    await superuser.end()
    await place.stop()
  }
}

const { empty, full, memory, found, size } = await at(undefined, measure)
const kept = KEPT_DIR ? await at(resolve(KEPT_DIR), measureKept) : null
const ratio = (runs: readonly { ours: number; bare: number }[]) => median(runs.map(({ ours, bare }) => ours / bare))
const micros = (cpu: Readonly<Record<string, number>>) =>
  Object.entries(cpu)
    .map(([name, spent]) => `${name} ${spent.toFixed(1)}`)
    .join(', ')
const rateOf = (runs: readonly Run[]) => median(runs.map(({ ours }) => ours))
report({
  name: 'audit-ingest',
  unit: 'events/s',
  runs: empty.runs,
  notes: {
    ours: `${DEVICES} devices over TLS 1.3 with DPoP, ${BATCH} events a batch, synchronous_commit on, the worker merging beside it; a run before these, uncounted, warmed both sides up`,
    baseline:
      'COPY as superuser of the same rows (entries and index), the same transactions, the same tables, triggers off',
    'against COPY of the entries into a bare heap': ratio(empty.runs).toFixed(3),
    'processor time an event, µs': micros(empty.cpu),
    [`rate at ${size.events} events against the empty log`]: (rateOf(full.runs) / rateOf(empty.runs)).toFixed(3),
    [`against COPY at ${size.events} events`]: median(full.runs.map((run) => run.ours / run.baseline)).toFixed(3),
    ...(kept
      ? {
          [`rate at ${kept.events} events in a log loaded before against the empty log`]: (
            rateOf(kept.runs) / rateOf(empty.runs)
          ).toFixed(3),
          [`processor time an event at ${kept.events} events, µs`]: micros(kept.cpu),
          [`against COPY at ${kept.events} events`]: median(kept.runs.map((run) => run.ours / run.baseline)).toFixed(3),
        }
      : {}),
    [`searchable after the acknowledgement, ms (slowest of ${DEVICES})`]: Math.round(Math.max(...found)),
    'gateway resident MB after each run': `${memory.join(' ')} (least ${Math.min(...memory)}, most ${Math.max(...memory)})`,
    'bytes an event beyond entry and personal values': Math.round(overhead(size)),
    'entry and personal values, bytes': `${Math.round(size.entryBytes / size.events)} + ${Math.round(size.personalBytes / size.events)}`,
    'disk by table, bytes an event': Object.entries(size.byTable)
      .map(([table, bytes]) => `${table} ${Math.round(bytes / size.events)}`)
      .join(', '),
  },
})
