import { signHead } from '#server/audit/checkpoints.ts'
import { readStored } from '#server/audit/stored.ts'
import { verifyStoredLog } from '#server/audit/verify-now.ts'
import { pgTransaction, readTransaction } from '#server/kernel/db.ts'

/** A device and the number of its last event that was acknowledged. */
export type Sent = { deviceId: string; acknowledged: number; recorded: number }

const READ_AT_ONCE = 5_000
const MOST_NAMED = 20

/**
 * What is wrong with an organisation's log, in words; empty when each acknowledged event is in it exactly once, none is that was
 * not recorded, what the devices' enrolments call received is what is in the log, indexes and times follow each other, and
 * entries, tiles, checkpoints and the index hold together. Events carry their device's number in `eventIdOf`.
 */
export async function unsoundness(tenantId: string, sent: readonly Sent[]): Promise<string[]> {
  const problems: string[] = []
  const say = (problem: string) => {
    if (problems.length < MOST_NAMED) problems.push(problem)
  }
  const found = new Map(sent.map(({ deviceId }) => [deviceId, new Set<number>()]))
  await readEach(tenantId, found, say)
  for (const { deviceId, acknowledged, recorded } of sent) {
    const seqs = found.get(deviceId) ?? new Set()
    for (let seq = 1; seq <= acknowledged; seq++)
      if (!seqs.has(seq)) say(`${deviceId}: event ${seq} was acknowledged and is lost`)
    for (const seq of seqs) if (seq > recorded) say(`${deviceId}: event ${seq} was never sent`)
    const received = await receivedOf(tenantId, deviceId)
    if (received !== (seqs.size > 0 ? `{[1,${seqs.size + 1})}` : '{}'))
      say(`${deviceId}: received is ${received}, the log has ${seqs.size} events`)
  }
  await signHead(tenantId)
  const { verdict } = await verifyStoredLog(tenantId)
  if (!verdict.ok) say(`verification: ${verdict.problems.map(({ code, reason }) => `${code}: ${reason}`).join('; ')}`)
  return problems
}

async function readEach(
  tenantId: string,
  found: ReadonlyMap<string, Set<number>>,
  say: (problem: string) => void,
): Promise<void> {
  let [next, time] = [0, 0]
  for (;;) {
    const rows = await pgTransaction('reader', tenantId, (_client, sql) =>
      readStored(sql, tenantId, { from: next, to: Number.MAX_SAFE_INTEGER, limit: READ_AT_ONCE }),
    )
    for (const { index, recordedAt, text, personal } of rows) {
      if (index !== next) say(`index ${next} is missing`)
      if (recordedAt.getTime() < time) say(`entry ${index} was recorded before the one before it`)
      next = index + 1
      time = recordedAt.getTime()
      // Written by ourselves a moment ago.
      const entry = JSON.parse(text) as { device?: { id: string } }
      const { senderId } = JSON.parse(personal ?? '{}') as { senderId?: string }
      const seqs = found.get(entry.device?.id ?? '')
      if (!seqs || !senderId) continue
      const seq = seqOf(senderId)
      if (seqs.has(seq)) say(`${entry.device?.id}: event ${seq} is there twice`)
      seqs.add(seq)
    }
    if (rows.length < READ_AT_ONCE) return
  }
}

async function receivedOf(tenantId: string, deviceId: string): Promise<string | undefined> {
  const [row] = await readTransaction(tenantId, ({ sql }) =>
    sql<{ received: string }>(
      'SELECT received::text FROM enrollment WHERE tenant_id = $1::uuid AND device_id = $2::uuid AND ended_at IS NULL',
      [tenantId, deviceId],
    ),
  )
  return row?.received
}

/** The id of a device's event: its number can be read from it. */
export function eventIdOf(device: number, seq: number): string {
  return `00000000-0000-4000-8${String(device).padStart(3, '0')}-${String(seq).padStart(12, '0')}`
}

export function seqOf(eventId: string): number {
  return Number(eventId.slice(-12))
}
