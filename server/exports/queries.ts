import 'server-only'
import { z } from 'zod'
import { partName, readZip } from '#server/audit/jobs.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { AppError } from '#server/kernel/errors.ts'
import { pageFields } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { recordDownload, requireReady } from './commands.ts'
import { exportStore } from './files.ts'
import { readExport, readOwnExports, readParts } from './rows.ts'
import { type ExportList, type ExportView, exportIdInput } from './schema.ts'
import { isShownTo, seeingOf, viewFor } from './shown.ts'

/** The asker's own exports without their parts, newest first; nobody sees somebody else's. */
export const listExports = defineQuery({
  name: 'audit.export.list',
  permission: 'audit:export',
  input: z.object(pageFields),
  run: async ({ sql, actor, input: { cursor, limit } }): Promise<ExportList> => {
    const before = cursor === undefined ? undefined : readCursor(cursor)
    const found = await readOwnExports(sql, actor, { before, limit: limit + 1 })
    const seeing = await seeingOf(sql, actor)
    const items = found.slice(0, limit).map((one) => viewFor(one, seeing))
    return { items, nextCursor: found.length > limit ? (items.at(-1)?.id ?? null) : null }
  },
})

/** One export with its parts. @throws AppError not_found, also for somebody else's */
export const getExport = defineQuery({
  name: 'audit.export.get',
  permission: 'audit:export',
  input: exportIdInput,
  run: async ({ sql, actor, tenantId, input: { exportId } }): Promise<ExportView> => {
    const view = viewFor(await readExport(sql, tenantId, exportId, actor), await seeingOf(sql, actor))
    const parts = await readParts(sql, tenantId, exportId)
    return {
      ...view,
      parts: parts.map(({ stored: { sha256, sizeBytes }, events: { count } }, n) => ({
        name: partName(n + 1, view.format),
        events: count,
        sizeBytes,
        sha256,
      })),
    }
  },
})

const readMembers = defineQuery({
  name: 'audit.export.read',
  permission: 'audit:export',
  input: exportIdInput,
  run: async ({ sql, actor, tenantId, input }) => {
    const found = await readExport(sql, tenantId, input.exportId, actor)
    const seeing = await seeingOf(sql, actor)
    return { ...found, isShown: isShownTo(found, seeing), act: seeing.unmasking?.id }
  },
})

/** A finished bundle: any range of it can be read, as often as wanted. */
export type ExportFile = {
  name: string
  sizeBytes: number
  /** Never changes. */
  etag: string
  read(from?: number, to?: number): AsyncGenerator<Uint8Array>
}

const SAME_DOWNLOAD_MS = 3_600_000

/**
 * Opens a finished export for download. Audit: `audit.export`, once for each asker, export and hour (and reason under which names
 * are shown): a download that is resumed is one. @throws AppError not_found · conflict until it is ready · gone when it has expired · forbidden
 */
export async function openExport(actor: Actor, exportId: string): Promise<ExportFile> {
  const { view, members, isShown, act } = await readMembers(actor, { exportId })
  requireReady(view)
  if (!members || view.sizeBytes === null) throw new AppError('gone', { detail: 'The export is no longer there.' })
  const hour = Math.floor(now().getTime() / SAME_DOWNLOAD_MS)
  // What was allowed within the hour is written down already; names may have been hidden since.
  const idempotencyKey = [exportId, hour, ...(view.masked || !act ? [] : [act])].join('.')
  await recordDownload(actor, { exportId }, isShown ? { idempotencyKey } : {})
  const store = exportStore(actor.tenantId, exportId)
  return {
    name: `audit-${view.createdAt.slice(0, 10)}-${view.format}-${view.id.slice(-6)}.zip`,
    sizeBytes: view.sizeBytes,
    etag: `"${exportId}"`,
    read: (from, to) => readZip(store, members, from, to),
  }
}

function readCursor(cursor: string): string {
  const parsed = exportIdInput.safeParse({ exportId: cursor })
  if (parsed.success) return parsed.data.exportId
  throw new AppError('invalid', { detail: 'cursor: is not one of ours', fields: { cursor: 'is not one of ours' } })
}
