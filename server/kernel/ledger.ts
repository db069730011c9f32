import 'server-only'
import { setImmediate as othersTurn } from 'node:timers/promises'
import { Turns } from '#lib/turns.ts'
import type { AuditAction, Enforcement, Outcome } from '#protocol/audit/actions.ts'
import { type BuiltEntry, buildEntry, type EntryPolicy } from '#protocol/audit/entry.ts'
import { appendLeaves, emptyTree, leafOfText, type Tile } from '#protocol/audit/merkle.ts'
import type { DetailValue } from '#protocol/audit/personal.ts'
import { decodeTreeState, encodeTreeState } from '#protocol/audit/tree-state.ts'
import { type Actor, actorAddress, actorId, actorName } from './actor.ts'
import type { AuditDetail } from './audit-details.ts'
import { now } from './clock.ts'
import type { Sql } from './db.ts'
import { requireOpenLog } from './frozen-log.ts'
import { Indexer, indexArrays, runsAt } from './ledger-index.ts'
import { byteaArray, TextArray, uuidArray, wholeArray } from './pg-arrays.ts'

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
 * contiguous indexes, extends the tree, writes entries, their index of terms and full tiles in one statement.
 * If the process dies before the commit nothing of it exists; after the commit all of it does.
 */
export async function appendEntries(sql: Sql, tenantId: string, appends: readonly Append[]): Promise<Appended[]> {
  const { appended, written } = await append(sql, tenantId, appends, NO_ORDER)
  await written
  return appended
}

/**
 * The same for whatever appends much and often, resolving when the last statement is asked for; `written` when it is answered.
 * Groups of one organisation are stamped and get the head one after the other: one that was overtaken would have to be made ready
 * again, with a later stamp. Once in a transaction: who has the head already must not wait for those who want it.
 */
export async function beginAppend(
  sql: Sql,
  tenantId: string,
  appends: readonly Append[],
): Promise<{ appended: Appended[]; written: Promise<unknown> }> {
  return append(sql, tenantId, appends, {
    stamp: (run) => stamping.take(tenantId, run),
    lock: (run) => locking.take(tenantId, run),
  })
}

/** How to wait for those of this process that append to the same log. */
type Order = { stamp: <T>(run: () => Promise<T>) => Promise<T>; lock: <T>(run: () => Promise<T>) => Promise<T> }

const NO_ORDER: Order = { stamp: (run) => run(), lock: (run) => run() }

const stamping = new Turns()
const locking = new Turns()

async function append(sql: Sql, tenantId: string, appends: readonly Append[], first: Order) {
  const appended: Appended[] = []
  let [written, order]: [Promise<unknown>, Order] = [Promise.resolve(), first]
  for (const stretch of stretchesOf(appends)) {
    await written
    const begun = await beginStretch(sql, tenantId, stretch, order)
    appended.push(...begun.appended)
    ;[written, order] = [begun.written, NO_ORDER]
  }
  return { appended, written }
}

/**
 * Text of one stretch, in characters: every word of it is indexed at once, in memory and in one go, and while that lasts this
 * process does nothing for anybody else. Only events that are nearly all text have more.
 */
const STRETCH_TEXT = 512 * 1_024

function* stretchesOf(appends: readonly Append[]): Generator<readonly Append[]> {
  let [from, text] = [0, 0]
  for (const [at, { draft }] of appends.entries()) {
    const length = textLength(draft)
    if (at > from && text + length > STRETCH_TEXT) {
      yield appends.slice(from, at)
      from = at
      text = 0
    }
    text += length
  }
  if (from < appends.length) yield appends.slice(from)
}

function textLength({ words = '', reason = '', target, detail = {} }: StatedDraft): number {
  let length = words.length + reason.length + (target?.name?.length ?? 0)
  for (const value of Object.values(detail)) length += typeof value === 'string' ? value.length : 64
  return length
}

async function beginStretch(sql: Sql, tenantId: string, appends: readonly Append[], order: Order) {
  // Before the lock: whoever waits for the head waits for the database alone, not for our hashing.
  const early = await order.stamp(() => prepare(tenantId, appends, now()))
  const [head] = await order.lock(() => sql<Head>(HEAD, [tenantId]))
  if (!head) throw new Error(`the organisation ${tenantId} has no log`)
  requireOpenLog(head.frozen, appends)
  // The log's order is the order of time: a clock that steps back does not. No later than needed: others wait with their stamps.
  const last = new Date(head.last)
  const { recordedAt, leaves, ids, arrays, ...index } =
    last > early.recordedAt ? await prepare(tenantId, appends, last) : early
  const first = BigInt(head.size)
  const { state, fullTiles } = appendLeaves(readTree(head.tree), leaves)
  const tree = Buffer.from(encodeTreeState(state))
  const next = String(first + BigInt(ids.length))
  const written = sql(APPEND, [
    ...[tenantId, String(first), next, tree, recordedAt.toISOString()],
    ...tileArrays(fullTiles),
    ...arrays,
    ...indexArrays(runsAt(index, Number(first))),
  ])
  const appended = ids.map((id, offset) => ({ index: first + BigInt(offset), id, recordedAt }))
  return { appended, written }
}

const HEAD = `SELECT size::text, encode(tree, 'hex') AS tree, last_recorded_at AS last, frozen FROM audit_head WHERE tenant_id = $1::uuid FOR UPDATE`

type Head = { size: string; tree: string; last: Date | string; frozen: string | null }

/** The parameters from $6 on. */
function tileArrays(tiles: readonly Tile[]): Buffer[] {
  return [
    wholeArray(tiles.map(({ level }) => level)),
    wholeArray(tiles.map(({ index }) => index)),
    byteaArray(tiles.map(({ bytes }) => bytes)),
  ]
}

/** A log without an entry has no tree stored yet. */
function readTree(hex: string) {
  return hex === '' ? emptyTree() : decodeTreeState(Buffer.from(hex, 'hex'))
}

/** The arrays of the entries stand side by side in one SELECT and the time in a subquery: in FROM each row is copied, and a cast is made for each. */
const APPEND = `
  WITH entries AS (INSERT INTO audit_entry (tenant_id, index, class, recorded_at, id, entry, personal)
         SELECT $1::uuid, place, class, (SELECT $5::text::timestamptz), id, entry, personal
           FROM (SELECT generate_series($2::text::bigint, $3::text::bigint - 1) AS place, unnest($9::text[]) AS class, unnest($10::uuid[]) AS id,
                        unnest($11::text[]) AS entry, unnest($12::text[]) AS personal) AS appended),
       runs AS (INSERT INTO audit_run (tenant_id, at, entries, bits, recorded_from, recorded_to)
         SELECT $1::uuid, at, entries, bits, $5::text::timestamptz, $5::text::timestamptz
           FROM unnest($13::bigint[], $14::bigint[], $15::bigint[]) AS r(at, entries, bits)),
       blocks AS (INSERT INTO audit_block (tenant_id, at, entries, occurred_from, occurred_to, hours, times)
         SELECT $1::uuid, at, entries, f, t, h, x
           FROM unnest($13::bigint[], $14::bigint[], $16::bigint[], $17::bigint[], $18::bytea[], $19::bytea[]) AS r(at, entries, f, t, h, x)),
       postings AS (INSERT INTO audit_posting (tenant_id, at, key, piece, body)
         SELECT $1::uuid, at, key, 0, body FROM unnest($20::bigint[], $21::bigint[], $22::bytea[]) AS r(at, key, body)),
       tiles AS (INSERT INTO audit_tile (tenant_id, level, number, hashes)
         SELECT $1::uuid, level, number, hashes FROM unnest($6::bigint[], $7::bigint[], $8::bytea[]) AS t(level, number, hashes))
  UPDATE audit_head SET size = $3::text::bigint, tree = $4::bytea, last_recorded_at = $5::text::timestamptz WHERE tenant_id = $1::uuid`

/** As many are made ready in one go: between two goes the database's answers are heard. */
const GO = 500

/** Room for what most entries have, with their lengths. */
const [CLASS_BYTES, ENTRY_BYTES, PERSONAL_BYTES] = [16, 768, 512]

/** Entry by entry, of which nothing is left but what is written: whatever waits for the lock is carried from one young generation to the next. */
async function prepare(tenantId: string, appends: readonly Append[], recordedAt: Date) {
  const indexer = new Indexer(tenantId)
  const leaves: Uint8Array[] = []
  const ids: string[] = []
  const classes = new TextArray(appends.length * CLASS_BYTES)
  const texts = new TextArray(appends.length * ENTRY_BYTES)
  const personals = new TextArray(appends.length * PERSONAL_BYTES)
  let place = 0
  for (const { actor, draft } of appends) {
    if (place > 0 && place % GO === 0) await othersTurn()
    const { entry, text, personal, personalText } = build(actor, draft, recordedAt)
    indexer.add(place++, entry, personal, (draft.occurredAt ?? recordedAt).getTime())
    const leaf = leafOfText(text)
    leaves.push(leaf.hash)
    ids.push(entry.id)
    classes.add(classOf(entry.action, entry.source))
    texts.add(leaf.text)
    personals.add(personalText)
  }
  if (appends.length > GO) await othersTurn()
  const { occurred } = indexer
  const index = indexer.indexed(appends.length)
  if (appends.length > GO) await othersTurn()
  // The parameters from $9 on.
  const arrays = [classes.done(), uuidArray(ids), texts.done(), personals.done()]
  return { recordedAt, leaves, ids, occurred, arrays, ...index }
}

function build(actor: Actor, draft: StatedDraft, recordedAt: Date): BuiltEntry {
  const by = draft.actor ?? {
    kind: actor.kind,
    ...(actor.kind === 'system' ? {} : { id: actorId(actor) }),
    name: actorName(actor),
  }
  return buildEntry({
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
}

/** Retention class: signing in is `access`, what is done with data is `activity`, all else that the server says is `control`. */
function classOf(action: string, source: string): 'control' | 'access' | 'activity' {
  if (source !== 'server') return 'activity'
  if (/^(auth|session)\./.test(action)) return 'access'
  return /^(file\.(view|download|forward|print|copy|release)|screenshot\.|message\.|device\.unlock|audit\.search)/.test(
    action,
  )
    ? 'activity'
    : 'control'
}
