import 'server-only'
import { pgTransaction } from '#server/kernel/db.ts'
import { maskingOf } from '../masking/masking.ts'
import { viewEvent } from '../view.ts'
import type { RowForm } from './row-writer.ts'

/** Shows events as whoever lacks `audit:unmask` sees them: pseudonyms, no free text. */
export async function maskRow(tenantId: string): Promise<NonNullable<RowForm['mask']>> {
  const masking = await pgTransaction('reader', tenantId, async (_client, sql) => maskingOf(sql, tenantId, true))
  return (row) => masking.view(viewEvent(row))
}
