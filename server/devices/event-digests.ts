import 'server-only'
import type { DeviceActor } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { DIGEST_BYTES } from './event-lines.ts'
import type { Range } from './ranges.ts'

const UNKNOWN = '00'.repeat(DIGEST_BYTES)

type Row = { seq: string; digest: string }

/** What an enrolment sent: its runs of numbers, and the digest of each. */
export type Sent = { enrollmentId: string; runs: readonly Range[]; digests: ReadonlyMap<number, string> }

/** Keeps 8 bytes of each event, a row a run of numbers, for as long as the background process lets them be. */
export async function storeDigests(sql: Sql, tenantId: string, sent: readonly Sent[]): Promise<void> {
  const rows = sent.flatMap(({ enrollmentId, runs, digests }) =>
    runs.map(([from, to]) => {
      let all = ''
      for (let seq = from; seq < to; seq++) all += digests.get(seq) ?? UNKNOWN
      return { e: enrollmentId, f: from, l: to - 1, d: all }
    }),
  )
  await sql(
    `INSERT INTO device_event_digest (tenant_id, enrollment_id, first_seq, last_seq, digests)
     SELECT $1::uuid, e, f, l, decode(d, 'hex') FROM json_to_recordset($2::text::json) AS r(e uuid, f bigint, l bigint, d text)`,
    [tenantId, JSON.stringify(rows)],
  )
}

/**
 * A number that came before must come with the bytes it had; what is no longer kept is believed.
 * @throws AppError clone_suspected: two copies of the device count on from the same state
 */
export async function requireSameBytes(
  sql: Sql,
  actor: DeviceActor,
  known: readonly { seq: number; digest: string }[],
): Promise<void> {
  if (known.length === 0) return
  // Each number's own eight bytes: numbers far apart must not fetch all that lies between. Index: the primary key; runs do not overlap.
  const rows = await sql<Row>(
    `SELECT s.seq::text, encode(substring(d.digests FROM ((s.seq - d.first_seq) * ${DIGEST_BYTES})::integer + 1 FOR ${DIGEST_BYTES}), 'hex') AS digest
       FROM unnest(string_to_array($3::text, ',')::bigint[]) AS s(seq)
      CROSS JOIN LATERAL (SELECT first_seq, last_seq, digests FROM device_event_digest
                     WHERE tenant_id = $1::uuid AND enrollment_id = $2::uuid AND first_seq <= s.seq ORDER BY first_seq DESC LIMIT 1) AS d
      WHERE d.last_seq >= s.seq`,
    [actor.tenantId, actor.enrollmentId, [...new Set(known.map(({ seq }) => seq))].join(',')],
  )
  const kept = new Map(rows.map(({ seq, digest }) => [Number(seq), digest]))
  for (const { seq, digest } of known) {
    const before = kept.get(seq)
    if (before !== undefined && before !== digest) {
      throw new AppError('clone_suspected', {
        detail: `Event ${seq} came before with other content: two copies of this device exist.`,
        extra: { seq },
      })
    }
  }
}
