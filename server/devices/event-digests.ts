import 'server-only'
import type { DeviceActor } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { DIGEST_BYTES } from './event-lines.ts'
import type { Range } from './ranges.ts'

type Row = { firstSeq: string; lastSeq: string; digests: string }

/** Keeps 8 bytes of each event, a row a run of numbers, for as long as the background process lets them be. */
export async function storeDigests(
  sql: Sql,
  actor: DeviceActor,
  runs: readonly Range[],
  digests: ReadonlyMap<number, Buffer>,
): Promise<void> {
  const rows = runs.map(([from, to]) => {
    const parts: Buffer[] = []
    for (let seq = from; seq < to; seq++) parts.push(digests.get(seq) ?? Buffer.alloc(DIGEST_BYTES))
    return { f: from, l: to - 1, d: Buffer.concat(parts).toString('hex') }
  })
  await sql(
    `INSERT INTO device_event_digest (tenant_id, enrollment_id, first_seq, last_seq, digests)
     SELECT $1::uuid, $2::uuid, f, l, decode(d, 'hex') FROM json_to_recordset($3::text::json) AS r(f bigint, l bigint, d text)`,
    [actor.tenantId, actor.enrollmentId, JSON.stringify(rows)],
  )
}

/**
 * A number that came before must come with the bytes it had; what is no longer kept is believed.
 * @throws AppError clone_suspected: two copies of the device count on from the same state
 */
export async function requireSameBytes(
  sql: Sql,
  actor: DeviceActor,
  known: readonly { seq: number; digest: Buffer }[],
): Promise<void> {
  if (known.length === 0) return
  const seqs = known.map(({ seq }) => seq)
  const rows = await sql<Row>(
    `SELECT first_seq::text AS "firstSeq", last_seq::text AS "lastSeq", encode(digests, 'hex') AS digests FROM device_event_digest
      WHERE tenant_id = $1::uuid AND enrollment_id = $2::uuid AND last_seq >= $3::text::bigint AND first_seq <= $4::text::bigint`,
    [actor.tenantId, actor.enrollmentId, String(Math.min(...seqs)), String(Math.max(...seqs))],
  )
  const runs = rows.map((row) => ({
    first: Number(row.firstSeq),
    last: Number(row.lastSeq),
    digests: Buffer.from(row.digests, 'hex'),
  }))
  for (const { seq, digest } of known) {
    const run = runs.find(({ first, last }) => seq >= first && seq <= last)
    if (!run) continue
    const kept = run.digests.subarray((seq - run.first) * DIGEST_BYTES, (seq - run.first + 1) * DIGEST_BYTES)
    if (!kept.equals(digest)) {
      throw new AppError('clone_suspected', {
        detail: `Event ${seq} came before with other content: two copies of this device exist.`,
        extra: { seq },
      })
    }
  }
}
