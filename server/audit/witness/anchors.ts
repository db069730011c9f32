import 'server-only'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql, systemTransaction } from '#server/kernel/db.ts'
import type { AnchorProblem, AnchorView } from './schema.ts'

/** Somebody outside, and what is known of how far they are. */
export type Anchor = {
  tenantId: string
  id: string
  kind: 'witness' | 'mail'
  name: string
  place: string
  vkey: string | null
  /** The epoch and the size of what they hold; 0 for nothing. */
  epoch: number
  size: number
  anchoredAt: Date | null
  triedAt: Date | null
  failures: number
}

type Row = Omit<Anchor, 'size' | 'anchoredAt' | 'triedAt'> & {
  size: string
  anchoredAt: Date | string | null
  triedAt: Date | string | null
}

const COLUMNS = `a.tenant_id::text AS "tenantId", a.id::text, a.kind, a.name, a.place, a.vkey, coalesce(s.epoch, 1) AS epoch,
  coalesce(s.size, 0)::text AS size, s.anchored_at AS "anchoredAt", s.tried_at AS "triedAt", coalesce(s.failures, 0) AS failures`
const FROM = 'audit_anchor a LEFT JOIN audit_anchor_state s ON s.tenant_id = a.tenant_id AND s.anchor_id = a.id'

/** Those of all organisations that may be turned to now. The few there are; which of them need it is decided one by one. */
export async function waitingAnchors(kind: Anchor['kind']): Promise<Anchor[]> {
  const rows = await systemTransaction((sql) =>
    sql<Row>(
      `SELECT ${COLUMNS} FROM ${FROM} JOIN tenant t ON t.id = a.tenant_id AND t.status = 'active'
        WHERE a.kind = $1::text AND a.removed_at IS NULL AND (s.next_at IS NULL OR s.next_at <= $2::text::timestamptz) ORDER BY a.id`,
      [kind, now().toISOString()],
    ),
  )
  return rows.map((row) => ({
    ...row,
    size: Number(row.size),
    anchoredAt: row.anchoredAt === null ? null : new Date(row.anchoredAt),
    triedAt: row.triedAt === null ? null : new Date(row.triedAt),
  }))
}

/** Takes an anchor for `forMs`: false when another process has it, or had it meanwhile. If we die, it is free again after that time. */
export async function claim({ tenantId, id, triedAt }: Anchor, forMs: number): Promise<boolean> {
  const at = now()
  const taken = await pgTransaction('writer', tenantId, (_client, sql) =>
    sql(
      `INSERT INTO audit_anchor_state AS s (tenant_id, anchor_id, tried_at, next_at) VALUES ($1::uuid, $2::uuid, $3::text::timestamptz, $4::text::timestamptz)
       ON CONFLICT (tenant_id, anchor_id) DO UPDATE SET tried_at = excluded.tried_at, next_at = excluded.next_at WHERE s.next_at <= excluded.tried_at AND s.tried_at IS NOT DISTINCT FROM $5::text::timestamptz
       RETURNING anchor_id`,
      [tenantId, id, at.toISOString(), new Date(at.getTime() + forMs).toISOString(), triedAt?.toISOString() ?? null],
    ),
  )
  return taken.length === 1
}

const FIRST_RETRY_MS = 10_000
const LAST_RETRY_MS = 3_600_000

/** What became of a turn. `size` and `epoch`: what they hold, where that is known. */
export type Turn = {
  epoch: number
  size: number
  anchoredAt?: Date
  problem?: AnchorProblem
  detail?: string
  restMs?: number
}

/** Writes down what became of it: after a failure the next attempt waits, each time twice as long, an hour at most. */
export async function settle(sql: Sql, { tenantId, id, failures }: Anchor, turn: Turn): Promise<void> {
  const { epoch, size, anchoredAt, problem, detail, restMs = 0 } = turn
  const failed = problem === undefined ? 0 : failures + 1
  const waitMs = problem === undefined ? restMs : Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 20))
  await sql(
    `UPDATE audit_anchor_state SET epoch = $3::integer, size = $4::text::bigint,
            anchored_at = CASE WHEN epoch = $3::integer THEN coalesce($5::text::timestamptz, anchored_at) ELSE $5::text::timestamptz END,
            next_at = $6::text::timestamptz, failures = $7::integer, problem = $8::text, detail = $9::text
      WHERE tenant_id = $1::uuid AND anchor_id = $2::uuid`,
    [
      tenantId,
      id,
      epoch,
      String(size),
      anchoredAt?.toISOString() ?? null,
      new Date(now().getTime() + waitMs).toISOString(),
      failed,
      problem ?? null,
      detail?.slice(0, 300) ?? null,
    ],
  )
}

type ViewRow = Omit<AnchorView, 'size' | 'anchoredAt' | 'triedAt'> & {
  size: string | null
  anchoredAt: Date | string | null
  triedAt: Date | string | null
}

/** The organisation's own, with what each of them holds of `epoch`. */
export async function listAnchors(sql: Sql, tenantId: string, epoch: number): Promise<AnchorView[]> {
  const rows = await sql<ViewRow>(
    `SELECT a.id::text, a.kind, a.name, a.place, a.vkey, s.size::text AS size, s.tried_at AS "triedAt", s.problem, s.detail,
            CASE WHEN s.epoch = $2::integer THEN s.anchored_at END AS "anchoredAt"
       FROM ${FROM} WHERE a.tenant_id = $1::uuid AND a.removed_at IS NULL ORDER BY a.kind DESC, a.name, a.id`,
    [tenantId, epoch],
  )
  const time = (at: Date | string | null) => (at === null ? null : new Date(at).toISOString())
  return rows.map((row) => {
    const anchoredAt = time(row.anchoredAt)
    return { ...row, anchoredAt, triedAt: time(row.triedAt), size: anchoredAt === null ? null : Number(row.size) }
  })
}
