/**
 * Acknowledged events a second over HTTPS with DPoP, 500 a batch, durable, in the tree and searchable, against `COPY` of the
 * same rows (entries and index) as superuser into the same tables: the same transactions, no triggers.
 */
import pg from 'pg'
import { copyInto, copyOut } from './log-copy.ts'
import { BATCH, Sender, sendAll } from './log-senders.ts'
import { foundOrganisation, makePlace, type Place } from './place.ts'
import { type Run, report } from './report.ts'

const DEVICES = 8
const BATCHES_PER_DEVICE = Number(process.env.BENCH_BATCHES ?? 15)
const RUNS = Number(process.env.BENCH_RUNS ?? 5)

async function measure(place: Place, superuser: pg.Client): Promise<Run[]> {
  const owner = await foundOrganisation('Bench')
  const senders = await Promise.all(Array.from({ length: DEVICES }, () => Sender.enroll(place, owner)))
  await sendAll(senders, 8)
  const appends = await copyOut(superuser, owner.tenantId, { most: 24, least: BATCH })
  const runs: Run[] = []
  for (let n = 0; n < RUNS; n++) {
    const ours = await sendAll(senders, BATCHES_PER_DEVICE)
    runs.push({ ours, baseline: await copyInto(superuser, appends) })
  }
  for (const sender of senders) sender.close()
  return runs
}

async function settingsOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ text: string }>(
    `SELECT current_setting('server_version') || ', synchronous_commit ' || current_setting('synchronous_commit') || ', fsync ' || current_setting('fsync') AS text`,
  )
  return rows[0]?.text ?? ''
}

const place = await makePlace()
const superuser = new pg.Client({ connectionString: place.adminUrl })
try {
  await superuser.connect()
  // Without its triggers: a superuser who only wants the rows in.
  await superuser.query('SET session_replication_role = replica')
  const runs = await measure(place, superuser)
  const ours = `${DEVICES} devices over TLS 1.3 with DPoP, ${BATCH} events a batch; acknowledged: entry, personal values, tree, index`
  const baseline = 'COPY of the same rows as superuser, the same transactions, triggers off'
  report({
    name: 'device-events',
    unit: 'events/s',
    runs,
    notes: { ours, baseline, postgres: await settingsOf(superuser) },
  })
} finally {
  await superuser.end()
  await place.stop()
}
