import 'server-only'
import { utf8Encode } from '#lib/bytes.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { parseNote } from '#protocol/audit/note.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { type LogItem, type LogVerdict, verifyLog } from '#protocol/audit/verify.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { listCheckpoints } from './checkpoints.ts'
import { readSigner } from './log-key.ts'
import { lastPublished } from './published.ts'
import { readHead, tileReader } from './tree.ts'

const BATCH = 1_000
/** Earlier checkpoints narrow down where a rewritten stretch begins. */
const EARLIER = 50

export type Checked = { verdict: LogVerdict; size: number }

/**
 * Rebuilds the log from its entries, in batches, and compares it with the newest checkpoint: the one published outside the
 * database where that is newer, so that a cut tail shows. @throws AppError conflict when nothing was signed yet
 */
export async function verifyStoredLog(tenantId: string): Promise<Checked> {
  const signer = await readSigner(tenantId)
  const stored = await pgTransaction('reader', tenantId, (_client, sql) => listCheckpoints(sql, tenantId, EARLIER))
  const notes = stored.map(({ note }) => note)
  const published = lastPublished(tenantId)
  if (published && published.size >= (stored[0]?.size ?? 0)) notes.unshift(published.note)
  const [newest, ...earlier] = notes
  if (newest === undefined)
    throw new AppError('conflict', {
      detail: 'Nothing was signed yet. A checkpoint follows within ten seconds of the first event.',
    })
  if (!signer) {
    return {
      verdict: { ok: false, code: 'checkpoint_invalid', reason: 'the key that signed the checkpoints is missing' },
      size: 0,
    }
  }
  const size = sizeOf(newest)
  const head = await pgTransaction('reader', tenantId, (_client, sql) => readHead(sql, tenantId))
  const verdict = await verifyLog({
    checkpoint: newest,
    vkey: signer.vkey,
    entries: storedEntries(tenantId, size),
    earlierCheckpoints: earlier,
    readLeafTile: (index, width) =>
      pgTransaction('reader', tenantId, async (_client, sql) => tileReader(sql, tenantId, head)(0, index, width)),
  })
  return { verdict, size }
}

/** 0 when the note cannot be read: verification then says so. */
function sizeOf(note: string): number {
  try {
    return parseCheckpoint(parseNote(note).text).size
  } catch {
    return 0
  }
}

type Row = { index: string; entry: string; personal: string | null }

/** The entries in the order of their indexes. A gap ends them: what follows would be compared with the wrong leaf. */
async function* storedEntries(tenantId: string, size: number): AsyncGenerator<LogItem> {
  for (let next = 0; next < size; ) {
    const rows = await readBatch(tenantId, next, size)
    for (const row of rows) {
      if (Number(row.index) > next) return
      yield { bytes: utf8Encode(row.entry), personal: row.personal === null ? undefined : readPersonal(row.personal) }
      next = Number(row.index) + 1
    }
    if (rows.length === 0) return
  }
}

function readBatch(tenantId: string, from: number, size: number): Promise<Row[]> {
  return pgTransaction('reader', tenantId, (_client, sql) =>
    sql<Row>(
      `SELECT e.index::text, e.entry, e.personal FROM audit_entry e
        WHERE e.tenant_id = $1::uuid AND e.index >= $2::text::bigint AND e.index < $3::text::bigint ORDER BY e.index LIMIT $4::integer`,
      [tenantId, String(from), String(size), BATCH],
    ),
  )
}

/** Values that are no JSON any more cannot be what was committed to: an empty salt never verifies. */
function readPersonal(text: string): Personal {
  try {
    return JSON.parse(text) as Personal
  } catch {
    return { salt: '' }
  }
}
