import 'server-only'
import { z } from 'zod'
import { base64Encode } from '#lib/bytes.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { keyFingerprint, parseNote } from '#protocol/audit/note.ts'
import type { Sql } from '#server/kernel/db.ts'
import { readEnv } from '#server/kernel/env.ts'
import { isNeededFirst } from '#server/kernel/needed-first.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { type Checkpoint, listCheckpoints } from '../checkpoints.ts'
import { readSigner } from '../log-key.ts'
import { search } from '../search.ts'
import type { Head } from '../tree.ts'
import { listAnchors } from './anchors.ts'
import { checkLog, isBeginning } from './check-log.ts'
import { cosignedNote, listCosignatures } from './cosignatures.ts'
import { listEpochs } from './epochs.ts'
import type { Anchored, AnchorView, CheckpointView, LogState, Trust } from './schema.ts'

const SHOWN_CHECKPOINTS = 10
/** How old what somebody outside holds may be. */
const FRESH_MS = 24 * 3_600_000
const CLOCK_MS = 10 * 60_000

/** How the log stands against what was signed and published, and who outside has seen it; computed each time. */
export const getTrust = defineQuery({
  name: 'audit.trust',
  permission: 'audit:read',
  input: z.object({}),
  run: async ({ sql, tenantId, now }): Promise<Trust> => {
    const { state, head } = await checkLog(sql, tenantId)
    const checkpoints = await listCheckpoints(sql, tenantId, SHOWN_CHECKPOINTS)
    const vkey = (await readSigner(tenantId, head.epoch))?.vkey ?? null
    const anchors = await listAnchors(sql, tenantId, head.epoch)
    const anchored = newestOf(anchors)
    const standing = await standingOf(sql, tenantId, { state, head, vkey, anchored, now })
    const [newest] = checkpoints
    return {
      ...standing,
      anchored,
      anchors,
      hasMail: readEnv().smtpUrl !== undefined,
      epoch: head.epoch,
      epochs: await listEpochs(sql, tenantId),
      isFrozen: head.frozen !== null,
      origin: head.origin,
      path: `/log/${tenantId}${head.epoch === 1 ? '' : `/${head.epoch}`}`,
      vkey,
      fingerprint: vkey && keyFingerprint(vkey),
      size: head.size,
      checkpoints: await viewCheckpoints(sql, tenantId, checkpoints),
      note: newest ? await cosignedNote(sql, tenantId, newest) : null,
      verified: await lastVerified(sql, tenantId),
    }
  },
})

function newestOf(anchors: readonly AnchorView[]): Anchored | null {
  const held = anchors.flatMap(({ kind, name, size, anchoredAt }): Anchored[] =>
    size === null || anchoredAt === null ? [] : [{ kind, name, size, at: anchoredAt }],
  )
  return held.toSorted((a, b) => (a.at < b.at ? 1 : -1))[0] ?? null
}

type Facts = { state: LogState; head: Head; vkey: string | null; anchored: Anchored | null; now: Date }

/** Intact: what is stored extends a checkpoint that somebody outside has held for less than a day. */
async function standingOf(
  sql: Sql,
  tenantId: string,
  { state, head, vkey, anchored, now }: Facts,
): Promise<Pick<Trust, 'state' | 'isIntact'>> {
  const ageMs = anchored ? now.getTime() - Date.parse(anchored.at) : Number.NaN
  if (state !== 'ok' || !anchored || !vkey || !(ageMs <= FRESH_MS && ageMs >= -CLOCK_MS))
    return { state, isIntact: false }
  const [row] = await sql<{ note: string }>(
    'SELECT note FROM audit_checkpoint WHERE tenant_id = $1::uuid AND epoch = $2::integer AND size = $3::text::bigint',
    [tenantId, head.epoch, String(anchored.size)],
  )
  // Somebody removed what they hold.
  return row && (await isBeginning(sql, tenantId, head, row.note, vkey))
    ? { state, isIntact: true }
    : { state: 'different', isIntact: false }
}

async function viewCheckpoints(
  sql: Sql,
  tenantId: string,
  checkpoints: readonly Checkpoint[],
): Promise<CheckpointView[]> {
  const oldest = checkpoints.at(-1)
  if (!oldest) return []
  const range = { epoch: oldest.epoch, from: oldest.size, limit: 20 * SHOWN_CHECKPOINTS }
  const cosignatures = await listCosignatures(sql, tenantId, range)
  return checkpoints.map(({ size, note, signedAt }) => ({
    size,
    root: base64Encode(parseCheckpoint(parseNote(note).text).root),
    signedAt: signedAt.toISOString(),
    cosignatures: cosignatures.filter((each) => each.size === size).map(({ name, at }) => ({ name, at })),
  }))
}

/** The last verification on request, as the log itself tells it. */
async function lastVerified(sql: Sql, tenantId: string): Promise<Trust['verified']> {
  const ask = {
    q: 'action:audit.verify -outcome:pending',
    order: 'newest' as const,
    limit: 5,
    from: undefined,
    to: undefined,
    cursor: undefined,
  }
  const found = await search(sql, tenantId, ask).catch((error: unknown) => {
    // One that lies in a bucket by now is too old to be waited for: this page is looked at when a bucket is away, too.
    if (isNeededFirst(error)) return null
    throw error
  })
  // What was refused, or could not be carried out, has no size: it says nothing of the log.
  const last = found?.items.find(({ detail }) => detail?.size !== undefined)
  return last ? { at: last.recordedAt, ok: last.outcome === 'allowed', size: Number(last.detail?.size) } : null
}
