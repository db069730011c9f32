import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import { NoteError } from '#protocol/audit/note.ts'
import {
  type PurgeCertificate,
  signPurgeCertificate,
  verifyPurgeCertificate,
} from '#protocol/audit/purge-certificate.ts'
import type { Sql } from '#server/kernel/db.ts'
import { readSigner } from '../log-key.ts'
import { purgeCertificates } from './queries.ts'

/** The log as of one of its epochs: each has its own key. */
export type SignedLog = { epoch: number; origin: string }

/**
 * The certificates of a log that hold, oldest first. One of an earlier epoch holds as well: what was removed then is missing in
 * every later one. A certificate that does not hold is none: what it would excuse is then an alarm.
 */
export async function validCertificates(sql: Sql, tenantId: string, { epoch }: SignedLog): Promise<PurgeCertificate[]> {
  const valid: PurgeCertificate[] = []
  for (const note of await purgeCertificates(sql, tenantId)) {
    const opened = await openOf(tenantId, epoch, note)
    if (opened) valid.push(opened.certificate)
  }
  return valid
}

async function openOf(tenantId: string, epoch: number, note: string) {
  for (let signedIn = epoch; signedIn > 0; signedIn--) {
    const signer = await readSigner(tenantId, signedIn)
    if (!signer) continue
    try {
      return { signedIn, certificate: await verifyPurgeCertificate(note, { vkey: signer.vkey }) }
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
    }
  }
  return null
}

/**
 * `purges`: the ids of the log's certificates, a line each; `purges/ID`: one of them, signed by the key of the epoch that is asked
 * for, whose `checkpoint` then stands in it. Null for any other name.
 */
export async function readCertificateFile(
  sql: Sql,
  tenantId: string,
  { log, name, checkpoint }: { log: SignedLog; name: string; checkpoint: string | undefined },
): Promise<string | null> {
  if (name === 'purges') return listIds(sql, tenantId)
  const [, id] = /^purges\/([0-9a-f-]{36})$/.exec(name) ?? []
  if (id === undefined || !isUuid(id)) return null
  const [row] = await sql<{ certificate: string }>(
    'SELECT certificate FROM audit_purge WHERE tenant_id = $1::uuid AND id = $2::text::uuid AND certificate IS NOT NULL',
    [tenantId, id],
  )
  return row ? renewed(tenantId, { log, note: row.certificate, checkpoint }) : null
}

async function listIds(sql: Sql, tenantId: string): Promise<string> {
  const rows = await sql<{ id: string }>(
    'SELECT id::text FROM audit_purge WHERE tenant_id = $1::uuid AND certificate IS NOT NULL ORDER BY id',
    [tenantId],
  )
  return rows.map(({ id }) => `${id}\n`).join('')
}

async function renewed(
  tenantId: string,
  { log, note, checkpoint }: { log: SignedLog; note: string; checkpoint: string | undefined },
): Promise<string> {
  const opened = await openOf(tenantId, log.epoch, note)
  const signer = await readSigner(tenantId, log.epoch)
  // What does not hold is shown as it is: whoever reads it sees that.
  if (!opened || opened.signedIn === log.epoch || !signer || checkpoint === undefined) return note
  return signPurgeCertificate({ ...opened.certificate, origin: log.origin, checkpoint }, signer)
}
