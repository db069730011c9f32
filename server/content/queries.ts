import 'server-only'
import type { z } from 'zod'
import { OPEN_BRAKE_STATES } from '#server/kernel/brake-request.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { pageOf, writeCursor } from './paging.ts'
import { FILE_COLUMNS, FILE_TABLES, type FileRow, inAudience, readFileView, viewFile } from './rows.ts'
import {
  type FileDeletion,
  type FileDetail,
  type FileHolder,
  type FilePage,
  fileInput,
  listFilesInput,
} from './schema.ts'

export { type DeviceContents, getDeviceContents } from './device-contents.ts'
export { listDeviceFiles } from './device-files.ts'
export { listDamagedFiles } from './integrity.ts'
export { type DerivedFile, getLineage, type Lineage } from './lineage.ts'
export { getReleaseChunk } from './release-chunk.ts'
export { getRendition, type RenditionView } from './renditions.ts'

const COUNT_CAP = 2_000
const SHOWN = 200

type ListFiles = z.output<typeof listFilesInput>
type Filter = { where: string; values: unknown[] }

/** A page of files, filtered and ordered by the server. Index: file_recent or file_name, walked in order. */
export const listFiles = defineQuery({
  name: 'file.list',
  permission: 'content:read',
  input: listFilesInput,
  run: async ({ sql, tenantId, input }): Promise<FilePage> => {
    const { where, values } = filterOf(tenantId, input)
    const counting = `SELECT count(*)::int AS count FROM (SELECT 1 FROM file f WHERE ${where} LIMIT ${COUNT_CAP + 1}) AS counted`
    const [counted] = await sql<{ count: number }>(counting, values)
    const { order, after, keyOf, more } = pageOf(input, values.length)
    const rows = await sql<FileRow>(
      `SELECT ${FILE_COLUMNS} FROM ${FILE_TABLES} WHERE ${where} ${after} ORDER BY ${order} LIMIT ${input.limit + 1}`,
      [...values, ...more],
    )
    const page = rows.slice(0, input.limit)
    const last = page.at(-1)
    const count = counted?.count ?? 0
    return {
      items: page.map(viewFile),
      nextCursor: rows.length > input.limit && last ? writeCursor(keyOf(last), last.id) : null,
      total: { value: Math.min(count, COUNT_CAP), capped: count > COUNT_CAP },
    }
  },
})

function filterOf(tenantId: string, { q, label, status, person }: ListFiles): Filter {
  const values: unknown[] = [tenantId]
  const parts = ['f.tenant_id = $1::uuid']
  const add = (value: string | undefined, part: (parameter: string) => string) => {
    if (value) parts.push(part(`$${values.push(value)}::text`))
  }
  if (status) add(status, (p) => `f.status = ${p}`)
  else parts.push(`f.status <> 'deleted'`)
  add(q?.toLowerCase(), (p) => `position(${p} in lower(f.name)) > 0`)
  add(label?.toLowerCase(), (p) => `${p} = ANY (f.labels)`)
  add(person, (p) => inAudience(`${p}::uuid`))
  return { where: parts.join(' AND '), values }
}

/** One file: who may have it, who has been handed it, and an open request to delete it. @throws AppError not_found */
export const getFile = defineQuery({
  name: 'file.get',
  permission: 'content:read',
  input: fileInput,
  run: async ({ tx, sql, tenantId, input: { fileId } }): Promise<FileDetail> => {
    const file = await readFileView({ sql, tenantId }, fileId)
    const { sha256 } = await tx.file.findFirstOrThrow({ where: { tenantId, id: fileId }, select: { sha256: true } })
    const people = await sql<FileDetail['people'][number]>(
      `SELECT p.id::text, p.name, p.email FROM file_audience a JOIN person p ON p.tenant_id = a.tenant_id AND p.id = a.person_id
        WHERE a.tenant_id = $1::uuid AND a.file_id = $2::uuid ORDER BY lower(p.name), p.id LIMIT ${SHOWN}`,
      [tenantId, fileId],
    )
    const [holders, holderCount] = [
      await readHolders(sql, tenantId, fileId),
      await tx.fileRelease.count({ where: { tenantId, fileId } }),
    ]
    const deletion = await openDeletion(tx, tenantId, fileId)
    return {
      ...file,
      sha256: Buffer.from(sha256).toString('hex'),
      people: file.audience.everyone ? [] : people,
      holders,
      holderCount,
      deletion,
    }
  },
})

type HolderRow = Pick<FileHolder, 'firstAt' | 'lastAt' | 'times'> &
  Record<'deviceId' | 'deviceName' | 'deviceStatus' | 'personId' | 'personName', string>

/** Index: the primary key of file_release. */
async function readHolders(sql: Sql, tenantId: string, fileId: string): Promise<FileHolder[]> {
  const rows = await sql<HolderRow>(
    `SELECT d.id::text AS "deviceId", d.name AS "deviceName", d.status AS "deviceStatus", p.id::text AS "personId", p.name AS "personName",
            r.first_at AS "firstAt", r.last_at AS "lastAt", r.times
       FROM file_release r JOIN device d ON d.tenant_id = r.tenant_id AND d.id = r.device_id
       JOIN person p ON p.tenant_id = r.tenant_id AND p.id = r.person_id
      WHERE r.tenant_id = $1::uuid AND r.file_id = $2::uuid ORDER BY r.last_at DESC, r.enrollment_id LIMIT ${SHOWN}`,
    [tenantId, fileId],
  )
  return rows.map(({ firstAt, lastAt, times, ...row }) => ({
    device: { id: row.deviceId, name: row.deviceName, status: row.deviceStatus },
    person: { id: row.personId, name: row.personName },
    firstAt,
    lastAt,
    times,
  }))
}

async function openDeletion(tx: Tx, tenantId: string, fileId: string): Promise<FileDeletion | null> {
  const row = await tx.brakeRequest.findFirst({
    where: { tenantId, command: 'file.delete', targetId: fileId, state: { in: [...OPEN_BRAKE_STATES] } },
    select: { id: true, state: true, reason: true, requesterName: true, notBefore: true },
  })
  return (
    row && {
      requestId: row.id,
      state: row.state,
      reason: row.reason,
      requestedBy: row.requesterName,
      notBefore: row.notBefore,
    }
  )
}
