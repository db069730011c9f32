import 'server-only'
import { mergeRanges } from '#protocol/audit/purge-certificate.ts'
import type { Sql } from '#server/kernel/db.ts'
import { validCertificates } from '../keeping/served.ts'
import { readHead } from '../tree.ts'
import type { ColdFile } from './files.ts'

/**
 * The files of which nothing would be lost: each of their places is in the tables still, or went with a certificate. Whoever owns the
 * database can say of any file that its entries have not gone yet. Index: (tenant, index) of each month.
 */
export async function onlyCopies<F extends ColdFile>(sql: Sql, tenantId: string, files: readonly F[]): Promise<F[]> {
  if (files.length === 0) return []
  const certificates = await validCertificates(sql, tenantId, await readHead(sql, tenantId))
  const purged = mergeRanges(certificates.flatMap(({ removed }) => removed))
  const copies: F[] = []
  for (const file of files) {
    const [row] = await sql<{ there: string }>(
      'SELECT count(*)::text AS there FROM audit_entry e WHERE e.tenant_id = $1::uuid AND e.index >= $2::text::bigint AND e.index < $3::text::bigint',
      [tenantId, String(file.from), String(file.to)],
    )
    const gone = purged.reduce(
      (sum, { from, to }) => sum + Math.max(0, Math.min(to, file.to) - Math.max(from, file.from)),
      0,
    )
    if (Number(row?.there ?? 0) + gone >= file.to - file.from) copies.push(file)
  }
  return copies
}
