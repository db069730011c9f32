/**
 * Events a second of an export, from the request to the sealed bundle (rows read by the search, written as CSV, encrypted, hashed,
 * proven, signed), against `COPY (SELECT …) TO STDOUT CSV` of the same rows, drained by the same client. NDJSON, Parquet, the
 * verification of the bundle and memory stand in the notes.
 */
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { verifyBundle } from '#protocol/audit/bundle-verify.ts'
import { openZip } from '#protocol/audit/bundle-zip.ts'
import { requestExport } from '#server/exports/commands.ts'
import { getExport, openExport } from '#server/exports/queries.ts'
import { runExport } from '#server/exports/run-export.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { loadLog } from './log-load.ts'
import { foundOrganisation, makePlace } from './place.ts'
import { type Run, report } from './report.ts'

const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000_000)
const RUNS = Number(process.env.BENCH_RUNS ?? 3)

type Format = 'csv' | 'ndjson' | 'parquet'
type Made = { id: string; rate: number; sizeBytes: number }

async function exported(owner: PersonActor, format: Format, asOf: number): Promise<Made> {
  const startedMs = performance.now()
  const { id } = await requestExport(owner, { q: '', format, timeZone: 'Europe/Berlin', asOf })
  await runExport(owner.tenantId, id)
  const seconds = (performance.now() - startedMs) / 1_000
  const { state, events, sizeBytes } = await getExport(owner, { exportId: id })
  if (state !== 'ready' || events !== asOf || sizeBytes === null) throw new Error(`the export is ${state}: ${events}`)
  return { id, rate: events / seconds, sizeBytes }
}

async function copied(client: pg.Client, tenantId: string, events: number): Promise<number> {
  const startedMs = performance.now()
  const query = `SELECT index, class, recorded_at, id, entry, personal FROM audit_entry WHERE tenant_id = '${tenantId}' AND index < ${events}`
  let bytes = 0
  for await (const chunk of client.query(copyTo(`COPY (${query}) TO STDOUT (FORMAT csv)`))) bytes += chunk.length
  if (bytes === 0) throw new Error('nothing was copied')
  return events / ((performance.now() - startedMs) / 1_000)
}

async function verified(owner: PersonActor, { id, sizeBytes }: Made, events: number): Promise<number> {
  const file = await openExport(owner, id)
  const read = async (from: number, to: number) => {
    const pieces: Uint8Array[] = []
    for await (const piece of file.read(from, to)) pieces.push(piece)
    return Buffer.concat(pieces)
  }
  const startedMs = performance.now()
  const verdict = await verifyBundle(await openZip({ sizeBytes, read }))
  if (!verdict.ok || verdict.events !== events) throw new Error(`the bundle does not hold: ${JSON.stringify(verdict)}`)
  return events / ((performance.now() - startedMs) / 1_000)
}

const place = await makePlace()
const client = new pg.Client({ connectionString: place.adminUrl })
try {
  await client.connect()
  const owner = await foundOrganisation('Bench')
  await loadLog(owner.tenantId, EVENTS)
  const asOf = EVENTS
  const restMb = process.memoryUsage().rss / 1_048_576
  let mostMb = 0
  const watch = setInterval(() => {
    mostMb = Math.max(mostMb, process.memoryUsage().rss / 1_048_576)
  }, 100)
  await copied(client, owner.tenantId, asOf)
  await exported(owner, 'csv', Math.min(asOf, 50_000))
  const runs: Run[] = []
  let last: Made | undefined
  for (let n = 0; n < RUNS; n++) {
    last = await exported(owner, 'csv', asOf)
    runs.push({ ours: last.rate, baseline: await copied(client, owner.tenantId, asOf) })
  }
  const others: Record<string, string> = {}
  for (const format of ['ndjson', 'parquet'] as const) {
    const { rate, sizeBytes } = await exported(owner, format, asOf)
    others[`${format}, events/s`] = `${Math.round(rate)}, ${Math.round(sizeBytes / asOf)} bytes an event`
  }
  clearInterval(watch)
  report({
    name: 'audit-export',
    unit: 'events/s',
    runs,
    notes: {
      ours: `CSV of ${EVENTS.toLocaleString('en')} events, from the request to the sealed bundle, ${Math.round((last?.sizeBytes ?? 0) / asOf)} bytes an event`,
      baseline: 'COPY (SELECT index, class, recorded_at, id, entry, personal …) TO STDOUT (FORMAT csv)',
      ...others,
      'verification of the CSV bundle, events/s': last ? Math.round(await verified(owner, last, asOf)) : 0,
      'resident memory': `${Math.round(restMb)} MB before, at most ${Math.round(mostMb)} MB`,
    },
  })
} finally {
  await client.end()
  await place.stop()
}
