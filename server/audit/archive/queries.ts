import 'server-only'
import { z } from 'zod'
import { defineQuery } from '#server/kernel/query.ts'
import type { ArchiveProblem } from './problem.ts'
import type { ArchiveView } from './schema.ts'
import { archivePlace } from './store.ts'

type Row = {
  days: number | null
  ran: Date | string | null
  problem: ArchiveProblem | null
  first: string | null
  last: string | null
  files: string
  events: string | null
  bytes: string | null
}

/** What of the log is in the archive, and the rule by which more of it goes there. Index: the primary keys. */
export const getArchive = defineQuery({
  name: 'audit.archive.get',
  permission: 'audit:read',
  input: z.strictObject({}),
  run: async ({ sql, tenantId }): Promise<ArchiveView> => {
    const [row] = await sql<Row>(
      `SELECT a.after_days AS days, a.ran_at AS ran, a.problem, min(f.date)::text AS first, max(f.date)::text AS last, count(f.name)::text AS files,
              sum(f.entries)::text AS events, sum(f.bytes)::text AS bytes
         FROM audit_archive a LEFT JOIN audit_archive_file f ON f.tenant_id = a.tenant_id AND f.state = 'cold'
        WHERE a.tenant_id = $1::uuid GROUP BY a.after_days, a.ran_at, a.problem`,
      [tenantId],
    )
    return {
      days: row?.days ?? null,
      cold: row ? coldOf(row) : null,
      place: archivePlace(),
      ranAt: row?.ran ? new Date(row.ran).toISOString() : null,
      problem: row?.problem ?? null,
    }
  },
})

function coldOf({ first, last, files, events, bytes }: Row): ArchiveView['cold'] {
  if (first === null || last === null) return null
  return { first, last, files: Number(files), events: Number(events), bytes: Number(bytes) }
}
