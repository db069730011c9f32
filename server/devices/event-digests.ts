import 'server-only'
import type { DeviceActor } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { byteaArray, uuidArray, wholeArray } from '#server/kernel/pg-arrays.ts'
import { DIGEST_BYTES } from './event-lines.ts'
import type { Range } from './ranges.ts'

type Row = { seq: string; digest: Buffer }

/** What an enrolment sent: its runs of numbers, and the digests of all of them in their order. */
export type Sent = { enrollmentId: string; runs: readonly Range[]; digests: Buffer }

/** Keeps 8 bytes of each event, a row a run of numbers, for as long as the background process lets them be. */
export async function storeDigests(sql: Sql, tenantId: string, sent: readonly Sent[]): Promise<void> {
  const rows = sent.flatMap(({ enrollmentId, runs, digests }) => {
    let end = 0
    return runs.map(([from, to]) => {
      const begin = end
      end += (to - from) * DIGEST_BYTES
      return { enrollmentId, from, last: to - 1, own: digests.subarray(begin, end) }
    })
  })
  await sql(
    `INSERT INTO device_event_digest (tenant_id, enrollment_id, first_seq, last_seq, digests)
     SELECT $1::uuid, e, f, l, d FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[]) AS r(e, f, l, d)`,
    [
      tenantId,
      uuidArray(rows.map(({ enrollmentId }) => enrollmentId)),
      wholeArray(rows.map(({ from }) => from)),
      wholeArray(rows.map(({ last }) => last)),
      byteaArray(rows.map(({ own }) => own)),
    ],
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
    `SELECT s.seq::text, substring(d.digests FROM ((s.seq - d.first_seq) * ${DIGEST_BYTES})::integer + 1 FOR ${DIGEST_BYTES}) AS digest
       FROM unnest(string_to_array($3::text, ',')::bigint[]) AS s(seq)
      CROSS JOIN LATERAL (SELECT first_seq, last_seq, digests FROM device_event_digest
                     WHERE tenant_id = $1::uuid AND enrollment_id = $2::uuid AND first_seq <= s.seq ORDER BY first_seq DESC LIMIT 1) AS d
      WHERE d.last_seq >= s.seq`,
    [actor.tenantId, actor.enrollmentId, [...new Set(known.map(({ seq }) => seq))].join(',')],
  )
  const kept = new Map(rows.map(({ seq, digest }) => [Number(seq), digest.toString('latin1')]))
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
