import 'server-only'
import { hexEncode, utf8Decode } from '#lib/bytes.ts'
import type { AuditAction, Enforcement, Outcome } from '#protocol/audit/actions.ts'
import { buildEntry, type EntryPolicy } from '#protocol/audit/entry.ts'
import { appendLeaves, emptyTree, leafHash } from '#protocol/audit/merkle.ts'
import type { DetailValue } from '#protocol/audit/personal.ts'
import { hashTerms, termsOf } from '#protocol/audit/terms.ts'
import { decodeTreeState, encodeTreeState } from '#protocol/audit/tree-state.ts'
import { type Actor, actorAddress, actorId, actorName } from './actor.ts'
import type { AuditDetail } from './audit-details.ts'
import { now } from './clock.ts'
import type { Sql } from './db.ts'
import { int8Array, textArray } from './pg-arrays.ts'

type Named = { id: string; name?: string | undefined }

type DraftFields = {
  outcome?: Outcome
  device?: Named
  target?: Named & { type: string }
  labels?: readonly string[]
  policy?: EntryPolicy
  enforcement?: Enforcement
  /** Who states it; `server` unless given. */
  source?: string
  occurredAt?: Date
  clock?: 'suspect'
  correlationId?: string
  reason?: string
  words?: string
  senderId?: string
  /** Whose act it is when not the actor's who runs the command (a device states what its person did). */
  actor?: { kind: Actor['kind']; id?: string; name: string }
  address?: string
}

/** One event to append; the type of `detail` follows from `action`. */
export type AuditDraft = { [A in AuditAction]: { action: A; detail?: AuditDetail<A> } & DraftFields }[AuditAction]

/** The same with an action that an organisation's own app named. */
export type StatedDraft = { action: string; detail?: { readonly [name: string]: DetailValue } } & DraftFields

/** A draft and who runs the command; the draft may name somebody else as the one whose act it was. */
export type Append = { actor: Actor; draft: StatedDraft }

export type Appended = { index: bigint; id: string; recordedAt: Date }

/**
 * Appends events to the organisation's log inside the caller's transaction: locks the head (last of all locks), assigns
 * contiguous indexes, extends the tree, writes entries, personal values and full tiles in one statement.
 * If the process dies before the commit nothing of it exists; after the commit all of it does.
 */
export async function appendEntries(sql: Sql, tenantId: string, appends: readonly Append[]): Promise<Appended[]> {
  if (appends.length === 0) return []
  // Before the lock: whoever waits for the head waits for the database alone, not for our hashing.
  const early = buildRows(appends, now())
  const [head] = await sql<{ size: string; tree: string; last: Date | string }>(
    `SELECT size::text, encode(tree, 'hex') AS tree, last_recorded_at AS last FROM audit_head WHERE tenant_id = $1::uuid FOR UPDATE`,
    [tenantId],
  )
  if (!head) throw new Error(`the organisation ${tenantId} has no log`)
  // The log's order is the order of time: a clock that steps back does not.
  const last = new Date(head.last)
  const { recordedAt, rows } =
    last > early.recordedAt ? buildRows(appends, new Date(Math.max(now().getTime(), last.getTime()))) : early
  const first = BigInt(head.size)
  const { state, fullTiles } = appendLeaves(
    readTree(head.tree),
    rows.map((row) => row.leaf),
  )
  const tiles = fullTiles.map((tile) => ({
    level: tile.level,
    number: String(tile.index),
    hashes: hexEncode(tile.bytes),
  }))
  const tree = hexEncode(encodeTreeState(state))
  // How far a device's clock ran ahead of ours: a search by time may pass over partitions only outside of it.
  const ahead = Math.max(0, ...appends.map(({ draft }) => (draft.occurredAt?.getTime() ?? 0) - recordedAt.getTime()))
  const next = String(first + BigInt(rows.length))
  const values = [tenantId, JSON.stringify(tiles), String(first), next, tree, recordedAt.toISOString(), String(ahead)]
  await sql(APPEND, [...values, ...arraysOf(rows)])
  return rows.map((row, offset) => ({ index: first + BigInt(offset), id: row.id, recordedAt }))
}

type Row = ReturnType<typeof buildRow>
type Column = keyof Row['columns']

/** In the order of the statement's parameters from $8 on. */
const COLUMNS = ['c', 'o', 'id', 'a', 'u', 'ai', 'd', 't', 'e', 'p'] as const satisfies readonly Column[]

/** A column an array; the terms of all rows stand in one, with the place of each row's last behind it. */
function arraysOf(rows: readonly Row[]): Buffer[] {
  let last = 0n
  const ends = rows.map(({ terms }) => {
    last += BigInt(terms.length)
    return last
  })
  const texts = COLUMNS.map((column) => textArray(rows.map(({ columns }) => columns[column])))
  return [...texts, int8Array(rows.flatMap(({ terms }) => terms)), int8Array(ends)]
}

/** A log without an entry has no tree stored yet. */
function readTree(hex: string) {
  return hex === '' ? emptyTree() : decodeTreeState(Buffer.from(hex, 'hex'))
}

const APPEND = `
  WITH entry AS (
         SELECT $3::text::bigint + n - 1 AS i, c, o::timestamptz AS o, id::uuid AS id, a, u, ai, d::uuid AS d, t, e, p,
                ($18::bigint[])[lag(last, 1, 0::bigint) OVER (ORDER BY n) + 1 : last] AS h
           FROM unnest($8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $19::bigint[])
                WITH ORDINALITY AS r(c, o, id, a, u, ai, d, t, e, p, last, n)),
       entries AS (INSERT INTO audit_entry (tenant_id, index, class, recorded_at, occurred_at, id, action, outcome, actor_id, device_id, target_id, terms, entry)
         SELECT $1::uuid, i, c, $6::text::timestamptz, o, id, a, u, ai, d, t, h, e FROM entry),
       personal AS (INSERT INTO audit_personal (tenant_id, index, class, recorded_at, personal)
         SELECT $1::uuid, i, c, $6::text::timestamptz, p FROM entry),
       tiles AS (INSERT INTO audit_tile (tenant_id, level, number, hashes)
         SELECT $1::uuid, level, number, decode(hashes, 'hex') FROM json_to_recordset($2::text::json) AS t(level smallint, number bigint, hashes text))
  UPDATE audit_head SET size = $4::text::bigint, tree = decode($5::text, 'hex'), last_recorded_at = $6::text::timestamptz, ahead_ms = greatest(ahead_ms, $7::text::bigint) WHERE tenant_id = $1::uuid`

function buildRows(appends: readonly Append[], recordedAt: Date) {
  return { recordedAt, rows: appends.map(({ actor, draft }) => buildRow(actor, draft, recordedAt)) }
}

function buildRow(actor: Actor, draft: StatedDraft, recordedAt: Date) {
  const by = draft.actor ?? {
    kind: actor.kind,
    ...(actor.kind === 'system' ? {} : { id: actorId(actor) }),
    name: actorName(actor),
  }
  const { entry, bytes, personal } = buildEntry({
    action: draft.action,
    outcome: draft.outcome ?? 'allowed',
    actor: { kind: by.kind, id: by.id },
    device: draft.device && { id: draft.device.id },
    target: draft.target && { type: draft.target.type, id: draft.target.id },
    labels: draft.labels,
    policy: draft.policy,
    source: draft.source ?? 'server',
    enforcement: draft.enforcement,
    correlationId: draft.correlationId,
    clock: draft.clock,
    recordedAt,
    occurredAt: draft.occurredAt ?? recordedAt,
    personal: {
      actorName: by.name,
      deviceName: draft.device?.name,
      targetName: draft.target?.name,
      address: draft.address ?? actorAddress(actor),
      userAgent: actor.kind === 'person' ? actor.userAgent || undefined : undefined,
      reason: draft.reason,
      words: draft.words,
      senderId: draft.senderId,
      detail: draft.detail,
    },
  })
  const terms = hashTerms(actor.tenantId, termsOf(entry, personal))
  return {
    id: entry.id,
    terms,
    leaf: leafHash(bytes),
    columns: {
      c: classOf(entry.action, entry.source),
      o: entry.occurredAt,
      id: entry.id,
      a: entry.action,
      u: entry.outcome,
      ai: entry.actor.id ?? entry.actor.kind,
      d: entry.device?.id,
      t: entry.target?.id,
      e: utf8Decode(bytes),
      p: JSON.stringify(personal),
    },
  }
}

/** Retention class: what the server says of itself is `control`, what is done with data is `activity`. */
function classOf(action: string, source: string): 'control' | 'activity' {
  if (source !== 'server') return 'activity'
  return /^(file\.(view|download|forward|print|copy|release)|screenshot\.|message\.|device\.unlock|audit\.search)/.test(
    action,
  )
    ? 'activity'
    : 'control'
}
