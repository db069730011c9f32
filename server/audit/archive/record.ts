import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Sql } from '#server/kernel/db.ts'
import { createLog } from '#server/kernel/log.ts'
import { tenantTarget } from '#server/tenants/queries.ts'
import { lockKeeping } from '../keeping/rules.ts'
import { type WrittenFile, writtenFile } from './draft.ts'
import { onlyCopies } from './elsewhere.ts'
import { readRecordedFiles } from './files.ts'
import type { ColdFileProblem } from './problem.ts'
import { ARCHIVE_PROBLEMS } from './problem.ts'
import { noteName } from './work.ts'

const log = createLog('archive')

const record = defineCommand({
  action: 'audit.archive',
  permission: 'system',
  risk: 'none',
  input: z.object({ files: z.array(writtenFile) }),
  execute: async ({ tx, sql, tenantId, input: { files } }) => {
    await lockKeeping(sql, tenantId)
    for (const file of files) await insertFile(sql, tenantId, file)
    const sum = (what: 'entries' | 'bytes') => String(files.reduce((total, file) => total + file[what], 0))
    return {
      result: null,
      audit: {
        action: 'audit.archive',
        target: await tenantTarget(tx, tenantId),
        detail: {
          from: files[0]?.date ?? '',
          to: files.at(-1)?.date ?? '',
          events: sum('entries'),
          bytes: sum('bytes'),
          first: String(files[0]?.from ?? 0),
          last: String((files.at(-1)?.to ?? 1) - 1),
          files: files.map(({ date, from, sha256 }) => `${date} ${from} sha256:${sha256}`),
        },
      },
      notify: ['keeping'],
    }
  },
})

async function insertFile(sql: Sql, tenantId: string, file: WrittenFile): Promise<void> {
  await sql(
    `INSERT INTO audit_archive_file (tenant_id, from_index, to_index, date, entries, personal, bytes, sha256, recorded_from, recorded_to,
                                     occurred_from, occurred_to, name, revision, state)
     VALUES ($1::uuid, $2::text::bigint, $3::text::bigint, $4::text::date, $5::integer, $6::integer, $7::text::bigint, decode($8::text, 'hex'),
             $9::text::timestamptz, $10::text::timestamptz, $11::text::bigint, $12::text::bigint, $13::text, $14::integer, 'written')`,
    [
      tenantId,
      String(file.from),
      String(file.to),
      file.date,
      file.entries,
      file.personal,
      String(file.bytes),
      file.sha256,
      new Date(file.recordedFrom).toISOString(),
      new Date(file.recordedTo).toISOString(),
      String(file.occurredFrom),
      String(file.occurredTo),
      file.name,
      file.revision,
    ],
  )
}

/** States in the log that these files stand for these entries, verified; the entries have not gone yet. */
export async function recordFiles(tenantId: string, files: readonly WrittenFile[]): Promise<void> {
  await record(systemActor(tenantId, 'archive'), { files: [...files] })
}

const withdraw = defineCommand({
  action: 'audit.archive',
  name: 'audit.archive.withdraw',
  permission: 'system',
  risk: 'none',
  input: z.object({
    problem: z.enum(ARCHIVE_PROBLEMS),
    index: z.number().nullable(),
    names: z.array(z.string()),
  }),
  execute: async ({ tx, sql, tenantId, input: { problem, index, names } }) => {
    await sql(
      `DELETE FROM audit_archive_file WHERE tenant_id = $1::uuid AND state = 'written' AND name = ANY($2::text[])`,
      [tenantId, names],
    )
    return {
      result: null,
      audit: {
        action: 'audit.archive',
        outcome: 'failed',
        target: await tenantTarget(tx, tenantId),
        detail: { problem, ...(index === null ? {} : { index: String(index) }) },
      },
      notify: ['keeping'],
    }
  },
})

/**
 * States in the log why nothing more is archived; files whose entries have not gone no longer count, and the next sweep removes them. One
 * of which that is only said stays: it may be all there is of them.
 */
export async function withdrawFiles(tenantId: string, { problem, index }: ColdFileProblem): Promise<void> {
  const { waiting, copies } = await readTransaction(tenantId, async ({ sql }) => {
    const files = await readRecordedFiles(sql, tenantId)
    const written = files.filter(({ state }) => state === 'written')
    return { waiting: written, copies: await onlyCopies(sql, tenantId, written) }
  })
  for (const file of waiting)
    if (!copies.includes(file))
      log.error(
        { tenantId, file: file.name, alarm: 'audit.archive.kept' },
        'a file whose entries are nowhere else stays',
      )
  const names = copies.map(({ name }) => name)
  for (const name of names) await noteName(tenantId, name)
  await withdraw(systemActor(tenantId, 'archive'), { problem, index, names })
}
