import 'server-only'
import { formatAddCheckpoint, parseWitnessSize, readCosignature } from '#protocol/audit/cosignature.ts'
import { proveConsistency } from '#protocol/audit/merkle-prove.ts'
import { NoteError } from '#protocol/audit/note.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { readEnv } from '#server/kernel/env.ts'
import { type Checkpoint, listCheckpoints } from '../checkpoints.ts'
import { readHead, tileReader } from '../tree.ts'
import { type Anchor, claim, settle, type Turn } from './anchors.ts'
import { OutsideError, postOutside } from './outside-request.ts'
import type { AnchorProblem } from './schema.ts'

const TIMEOUT_MS = 10_000
const MAX_ANSWER_BYTES = 16 * 1024
/** A log that does not grow is shown again after so long, so that it stays witnessed. */
const AGAIN_MS = 6 * 3_600_000
/** A witness's clock may be off by so much. */
const CLOCK_MS = 10 * 60_000
/** Others may offer to the same witness at the same time: its size is asked again so often, then later. */
const CONFLICTS = 2

/** Shows a witness the newest checkpoint, where it does not hold it yet or has not said so for six hours. Throws nothing of theirs. */
export async function offerCheckpoint(anchor: Anchor): Promise<void> {
  const { tenantId, vkey } = anchor
  const newest = await pgTransaction(
    'reader',
    tenantId,
    async (_client, sql) => (await listCheckpoints(sql, tenantId, 1))[0],
  )
  if (!newest || vkey === null || !isDue(anchor, newest)) return
  if (!(await claim(anchor, 6 * TIMEOUT_MS))) return
  const turn = await attempt({ ...anchor, vkey }, newest)
  await pgTransaction('writer', tenantId, async (_client, sql) => {
    if (turn.line !== undefined && turn.anchoredAt)
      await sql(
        `INSERT INTO audit_cosignature (tenant_id, epoch, size, anchor_id, line, cosigned_at)
         VALUES ($1::uuid, $2::integer, $3::text::bigint, $4::uuid, $5::text, $6::text::timestamptz)
         ON CONFLICT (tenant_id, epoch, size, anchor_id) DO UPDATE SET line = excluded.line, cosigned_at = excluded.cosigned_at`,
        [tenantId, newest.epoch, String(newest.size), anchor.id, turn.line, turn.anchoredAt.toISOString()],
      )
    await settle(sql, anchor, turn)
  })
}

/** Whether there is something to show: another checkpoint than it holds, or the same after six hours. */
function isDue({ epoch, size, anchoredAt, failures }: Anchor, newest: Checkpoint): boolean {
  if (failures > 0 || anchoredAt === null || epoch !== newest.epoch || size !== newest.size) return true
  return Math.abs(now().getTime() - anchoredAt.getTime()) >= AGAIN_MS
}

type Witness = Anchor & { vkey: string }
type Offered = Turn & { line?: string }

async function attempt(witness: Witness, checkpoint: Checkpoint): Promise<Offered> {
  const { epoch, size } = checkpoint
  let held = witness.epoch === epoch ? witness.size : 0
  const failed = (problem: AnchorProblem, detail = ''): Offered => ({ epoch, size: held, problem, detail })
  try {
    for (let conflict = 0; ; conflict++) {
      // It says that it holds more than we have: asked again, it may know better.
      const { status, body } = await post(witness, checkpoint, held > size ? 0 : held)
      if (status === 200) return { ...(await accepted(witness, checkpoint, body)), epoch, size }
      if (status !== 409) return failed(problemOf(status), `HTTP ${status}`)
      const told = parseWitnessSize(body)
      // The same size and still a conflict: it holds another root.
      if (told === size && held === size) return failed('differs')
      held = told
      if (told > size) return failed('ahead', String(told))
      if (conflict >= CONFLICTS) return failed('conflict', String(told))
    }
  } catch (error) {
    if (error instanceof OutsideError) return failed(error.problem, error.message)
    if (error instanceof NoteError)
      return failed(error.message.includes('does not hold') ? 'bad_signature' : 'bad_answer', error.message)
    if (error instanceof RangeError) return failed('inconsistent', 'the log’s own tiles give no proof')
    throw error
  }
}

async function post({ tenantId, place }: Witness, { size, note }: Checkpoint, oldSize: number) {
  const proof = await pgTransaction('reader', tenantId, async (_client, sql) =>
    proveConsistency(oldSize, size, tileReader(sql, tenantId, await readHead(sql, tenantId))),
  )
  return postOutside({
    url: `${place.replace(/\/+$/, '')}/add-checkpoint`,
    body: formatAddCheckpoint({ oldSize, proof, note }),
    networks: readEnv().witnessNetworks,
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_ANSWER_BYTES,
  })
}

async function accepted(
  { vkey }: Witness,
  { note }: Checkpoint,
  body: string,
): Promise<Omit<Offered, 'epoch' | 'size'>> {
  const { line, timestampSeconds } = await readCosignature(note, body, vkey)
  const anchoredAt = new Date(timestampSeconds * 1_000)
  if (Math.abs(now().getTime() - anchoredAt.getTime()) <= CLOCK_MS) return { line, anchoredAt }
  // Its signature holds, and it has taken the checkpoint; but its time says nothing about today.
  return { problem: 'bad_time', detail: Number.isNaN(anchoredAt.getTime()) ? '' : anchoredAt.toISOString() }
}

function problemOf(status: number): AnchorProblem {
  if (status >= 300 && status < 400) return 'redirect'
  switch (status) {
    case 403:
      return 'unknown_key'
    case 404:
      return 'unknown_log'
    case 422:
      return 'inconsistent'
    default:
      return status >= 500 || status === 429 ? 'unreachable' : 'refused'
  }
}
