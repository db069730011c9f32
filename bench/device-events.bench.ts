/**
 * Acknowledged events a second over HTTPS with DPoP, 500 a batch, durable, in the tree and searchable, against `COPY` of the
 * same rows as superuser into the same table: same columns, 500 rows a transaction, no triggers, no second table.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { eventLines, ProtocolDevice } from '#gateway/test/protocol-device.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { foundOrganisation, makePlace, type Place } from './place.ts'
import { type Run, report } from './report.ts'

const DEVICES = 8
const BATCH = 500
const BATCHES_PER_DEVICE = Number(process.env.BENCH_BATCHES ?? 15)
const RUNS = Number(process.env.BENCH_RUNS ?? 5)

const FILES = Array.from({ length: 200 }, (_, n) => ({
  type: 'file',
  id: uuidv7(),
  name: `report ${n} quarter ${n % 4}.pdf`,
}))
const ACTIONS = [
  'file.view',
  'file.view',
  'file.view',
  'file.download',
  'screenshot.attempt',
  'file.print',
  'file.forward',
  'file.copy',
]

/** Like a day of a person: some files, several actions, labels, a policy rule. */
function variety(seq: number): object {
  const action = ACTIONS[seq % ACTIONS.length]
  const policy = { id: FILES[0]?.id, version: 3, rule: `data.${action}` }
  return {
    id: uuidv7(),
    action,
    target: FILES[(seq * 7) % FILES.length],
    labels: ['internal', `team-${seq % 9}`],
    policy,
  }
}

class Sender {
  readonly #device: ProtocolDevice
  #next = 1

  constructor(device: ProtocolDevice) {
    this.#device = device
  }

  /** Bodies made before the clock runs. */
  prepare(batches: number): Buffer[] {
    return Array.from({ length: batches }, () => {
      const body = Buffer.from(eventLines(this.#next, BATCH, variety))
      this.#next += BATCH
      return body
    })
  }

  async send(bodies: readonly Buffer[]): Promise<void> {
    for (const body of bodies) {
      const { status, json, text } = await this.#device.call({
        method: 'POST',
        path: '/events',
        body,
        type: 'application/x-ndjson',
      })
      if (status !== 200 || (json.rejected as unknown[]).length > 0)
        throw new Error(`events answered ${status}: ${text.slice(0, 300)}`)
    }
  }
}

async function sendAll(senders: readonly Sender[], batches: number): Promise<number> {
  const bodies = senders.map((sender) => sender.prepare(batches))
  const startedMs = performance.now()
  await Promise.all(senders.map((sender, n) => sender.send(bodies[n] ?? [])))
  return (senders.length * batches * BATCH) / ((performance.now() - startedMs) / 1000)
}

const COLUMNS =
  'index, class, recorded_at, occurred_at, id, action, outcome, actor_id, device_id, target_id, terms, entry'

async function copyOut(client: pg.Client, tenantId: string, count: number): Promise<string[]> {
  const rows = `SELECT ${COLUMNS} FROM audit_entry WHERE tenant_id = '${tenantId}' ORDER BY index DESC LIMIT ${count}`
  let text = ''
  for await (const chunk of client.query(copyTo(`COPY (${rows}) TO STDOUT`))) text += chunk
  return text.trimEnd().split('\n')
}

async function copyIn(client: pg.Client, lines: readonly string[], tenantId: string): Promise<number> {
  const chunks: string[] = []
  for (let at = 0; at < lines.length; at += BATCH)
    chunks.push(
      lines
        .slice(at, at + BATCH)
        .map((line) => `${tenantId}\t${line}\n`)
        .join(''),
    )
  const startedMs = performance.now()
  for (const chunk of chunks)
    await pipeline(
      Readable.from([chunk]),
      client.query(copyFrom(`COPY audit_entry (tenant_id, ${COLUMNS}) FROM STDIN`)),
    )
  return lines.length / ((performance.now() - startedMs) / 1000)
}

async function measure(place: Place, superuser: pg.Client): Promise<Run[]> {
  const owner = await foundOrganisation('Bench')
  const gateway = { url: place.gatewayUrl, ca: place.ca }
  const devices = await Promise.all(Array.from({ length: DEVICES }, () => ProtocolDevice.enroll(gateway, owner)))
  const senders = devices.map((device) => new Sender(device))
  await sendAll(senders, 4)
  const runs: Run[] = []
  for (let n = 0; n < RUNS; n++) {
    const ours = await sendAll(senders, BATCHES_PER_DEVICE)
    const lines = await copyOut(superuser, owner.tenantId, DEVICES * BATCHES_PER_DEVICE * BATCH)
    runs.push({ ours, baseline: await copyIn(superuser, lines, uuidv7()) })
  }
  for (const device of devices) device.close()
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
  const ours = `${DEVICES} devices over TLS 1.3 with DPoP, ${BATCH} events a batch; acknowledged: entry, personal values, tree, terms`
  const baseline = `COPY audit_entry as superuser, ${BATCH} rows a transaction, triggers off`
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
