/**
 * The archive of a log: what its files take on disk against `zstd -3` of the same events' NDJSON as exports write it; how many events a
 * second are written, read back, verified and let go; and searches of what is archived against a bare script that asks DuckDB the
 * very same statements of the same files.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants, createZstdCompress } from 'node:zlib'
import pg from 'pg'
import { ndjsonLine } from '#protocol/audit/bundle-row.ts'
import { endEngine, engineRows, literal } from '#server/audit/archive/engine/client.ts'
import { readColdFiles } from '#server/audit/archive/files.ts'
import { setArchiveRule } from '#server/audit/archive/rule.ts'
import { archiveTenant } from '#server/audit/archive/run.ts'
import { archiveStore } from '#server/audit/archive/store.ts'
import { signHead } from '#server/audit/checkpoints.ts'
import { search } from '#server/audit/search.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { DAYS } from './log-drafts.ts'
import { percentile } from './log-hand.ts'
import { loadLog } from './log-load.ts'
import { SHAPES } from './log-shapes.ts'
import { foundOrganisation, makePlace } from './place.ts'
import { type Run, report } from './report.ts'

const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000_000)
const CALLS = Number(process.env.BENCH_CALLS ?? 20)
const ARCHIVED_AFTER_DAYS = 30

/** Rare and common, a word, addresses, a negation, one match in all and none. */
const ASKED = [
  'everything',
  'common action',
  'rare action',
  'common person',
  'rare person',
  'rare file',
  'common and common',
  'five together',
  'word',
  'none',
  'address range',
  'negation',
]

/** A statement as the engine is told it. */
type Statement = { statement: string; values: readonly unknown[] }

/** The engine of this process: what it is told passes here. */
function engineChild(): ChildProcess {
  const slot = (globalThis as Record<symbol, { child: ChildProcess } | undefined>)[
    Symbol.for('gatehouse.archive.engine')
  ]
  if (!slot) throw new Error('there is no engine')
  return slot.child
}

async function statementsOf(ask: () => Promise<unknown>): Promise<Statement[]> {
  const child = engineChild()
  const send = child.send.bind(child)
  const told: Statement[] = []
  child.send = ((message: { kind: string } & Statement, ...rest: []) => {
    if (message.kind === 'ask') told.push({ statement: message.statement, values: message.values })
    return send(message, ...rest)
  }) as typeof child.send
  try {
    await ask()
  } finally {
    child.send = send as typeof child.send
  }
  return told
}

/** DuckDB in a process of its own with nothing around it; answers how many milliseconds the statements took, one after the other. */
async function bareTimes(bare: ChildProcess, statements: readonly Statement[], calls: number): Promise<number[]> {
  bare.send({ statements, calls })
  const [times] = (await once(bare, 'message')) as [number[]]
  return times
}

/** Call by call in turn: what else the machine does weighs on both. */
async function inTurn(ask: () => Promise<unknown>, bare: ChildProcess, statements: readonly Statement[]) {
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let n = 0; n < CALLS; n++) {
    const startedMs = performance.now()
    await ask()
    ours.push(performance.now() - startedMs)
    theirs.push(...(await bareTimes(bare, statements, 1)))
  }
  return { ours, theirs }
}

/** Bytes of `zstd -3` over the NDJSON of everything in the files. */
async function zstdBytes(paths: readonly string[]): Promise<{ compressed: number; plain: number }> {
  const zstd = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } })
  let [compressed, plain] = [0, 0]
  const counted = (async () => {
    for await (const chunk of zstd) compressed += (chunk as Buffer).length
  })()
  const source = `read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false)`
  for await (const rows of engineRows(`SELECT index, entry, personal FROM ${source} ORDER BY index`)) {
    let lines = ''
    for (const [index, entry, personal] of rows) {
      const { occurredAt, recordedAt } = JSON.parse(String(entry)) as { occurredAt: string; recordedAt: string }
      const values = personal === null ? undefined : String(personal)
      lines += `${ndjsonLine({ index: Number(index), occurredAt, recordedAt, entry: String(entry), personal: values })}\n`
    }
    plain += Buffer.byteLength(lines)
    if (!zstd.write(lines)) await once(zstd, 'drain')
  }
  zstd.end()
  await counted
  return { compressed, plain }
}

/** The most memory that a process had, in megabytes. */
function mostMb(pid: number | undefined): number {
  const [, kb = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kb) / 1_024)
}

const place = await makePlace()
const admin = new pg.Client({ connectionString: place.adminUrl })
const bare = fork('bench/archive-bare.ts', [], {
  execArgv: ['--disable-warning=ExperimentalWarning'],
  serialization: 'advanced',
})
try {
  await admin.connect()
  await admin.query(`SELECT audit_ensure_partitions((now() - interval '${DAYS + 1} days')::date, 5)`)
  // A log's times never go back: founded today, all of it would be of today.
  testingOnlyAdvanceClock(-(DAYS + 1) * 86_400_000)
  const owner = await foundOrganisation('Bench')
  const { tenantId } = owner
  await loadLog(tenantId, EVENTS)
  await signHead(tenantId)
  await setArchiveRule(owner, { days: ARCHIVED_AFTER_DAYS })
  const restMb = Math.round(process.memoryUsage().rss / 1_048_576)
  const startedMs = performance.now()
  const steps = { write: 0, verify: 0, go: 0 }
  let lastMs = startedMs
  const done = await archiveTenant(tenantId, {
    onStep: (step) => {
      const nowMs = performance.now()
      const name = ({ written: 'write', verified: 'verify', recorded: 'go', cold: 'go' } as const)[step]
      steps[name] += nowMs - lastMs
      lastMs = nowMs
    },
  })
  const seconds = (performance.now() - startedMs) / 1_000
  if (done.problem || done.events === 0) throw new Error(`nothing was archived: ${done.problem}`)
  const memory = `${restMb} MB before, at most ${mostMb(process.pid)} MB; the engine at most ${mostMb(engineChild().pid)} MB`
  const files = await pgTransaction('reader', tenantId, (_client, sql) => readColdFiles(sql, tenantId))
  const paths = await Promise.all(files.map((file) => archiveStore(tenantId).local(file)))
  const { compressed, plain } = await zstdBytes(paths)

  const to = new Date(files.at(-1)?.recordedFrom ?? 0).toISOString()
  const runs: Run[] = []
  let medianWithin = 0
  console.log('shape'.padEnd(28), 'ours p95    bare  allowed (1.2 x bare + 20 ms), statements')
  for (const name of ASKED) {
    const shape = SHAPES.find((one) => one.name === name)
    if (!shape) throw new Error(`there is no shape ${name}`)
    const ask = () =>
      pgTransaction('reader', tenantId, (_client, sql) =>
        search(sql, tenantId, { q: shape.q, order: 'newest', limit: 50, from: undefined, to }),
      )
    await ask()
    const statements = await statementsOf(ask)
    await bareTimes(bare, statements, 2)
    const taken = await inTurn(ask, bare, statements)
    const [ours, theirs] = [percentile(taken.ours, 0.95), percentile(taken.theirs, 0.95)]
    const run = { ours, baseline: 1.2 * theirs + 20 }
    runs.push(run)
    if (percentile(taken.ours, 0.5) <= 1.2 * percentile(taken.theirs, 0.5) + 20) medianWithin++
    const cells = [run.ours, theirs, run.baseline].map((ms) => ms.toFixed(1).padStart(8))
    console.log(name.padEnd(28), ...cells, statements.length, run.ours <= run.baseline ? '' : '  <- more')
  }
  const perEvent = (bytes: number) => (bytes / done.events).toFixed(1)
  report({
    name: 'audit-archive',
    unit: 'ms (p95 of a cold search; baseline: 1.2 x the same statements in a bare script + 20 ms)',
    runs,
    notes: {
      archived: `${done.events} of ${EVENTS} events, ${done.files} files`,
      'shapes within': `${runs.filter(({ ours, baseline }) => ours <= baseline).length} of ${runs.length}`,
      'shapes within, by the median call': `${medianWithin} of ${runs.length}`,
      'bytes an event': `${perEvent(done.bytes)}; zstd -3 of the NDJSON ${perEvent(compressed)}, the NDJSON ${perEvent(plain)}`,
      'bytes against zstd -3 (at most 1.3)': (done.bytes / compressed).toFixed(3),
      'archived, events/s': Math.round(done.events / seconds),
      'of the time': Object.entries(steps)
        .map(([step, ms]) => `${step} ${Math.round(ms / 10 / seconds)} %`)
        .join(', '),
      'resident memory': memory,
    },
  })
} finally {
  bare.disconnect()
  endEngine()
  await admin.end()
  await place.stop()
}
