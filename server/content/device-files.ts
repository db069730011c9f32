import 'server-only'
import type { FileEntry, FilesResponse } from '#protocol/device/messages.ts'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import { evaluate, type PolicyAction, type PolicyDecision } from '#protocol/policy/evaluate.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import { AppError } from '#server/kernel/errors.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { effectivePolicy } from '#server/policies/queries.ts'
import { requireDevice } from './device-request.ts'
import { pageOf, writeCursor } from './paging.ts'
import { FILE_COLUMNS, FILE_TABLES, type FileRow, inAudience, viewFile } from './rows.ts'
import { deviceFilesInput } from './schema.ts'

type DeviceFileRow = FileRow & {
  kind: NonNullable<FileEntry['kind']> | null
  viewState: NonNullable<FileEntry['viewState']> | null
  viewReason: string | null
}

/**
 * The files that a device may fetch now, newest first: those of its person, and what it may do with each. Index: file_recent.
 * @throws AppError device_pending · device_revoked
 */
export const listDeviceFiles = defineQuery({
  name: 'file.device_list',
  permission: 'device',
  input: deviceFilesInput,
  run: async ({ tx, sql, tenantId, actor, input }): Promise<FilesResponse> => {
    const { personId, deviceId, enrollmentId } = requireDevice(actor)
    const device = await tx.device.findFirst({
      where: { tenantId, id: deviceId, enrollmentId },
      select: { status: true, platform: true, osVersion: true },
    })
    if (device?.status === 'pending') throw new AppError('device_pending')
    if (device?.status !== 'active') throw new AppError('device_revoked')
    const { order, after, keyOf, more } = pageOf({ sort: '-created', cursor: input.cursor }, 2)
    const rows = await sql<DeviceFileRow>(
      `SELECT ${FILE_COLUMNS}, r.kind, r.state AS "viewState", r.reason AS "viewReason"
         FROM ${FILE_TABLES} LEFT JOIN file_rendition r ON r.tenant_id = f.tenant_id AND r.content_id = f.content_id
        WHERE f.tenant_id = $1::uuid AND f.status = 'published' AND ${inAudience('$2::uuid')} ${after}
        ORDER BY ${order} LIMIT ${input.limit + 1}`,
      [tenantId, personId, ...more],
    )
    const page = rows.slice(0, input.limit)
    const last = page.at(-1)
    const { document } = await effectivePolicy(tx, tenantId)
    return {
      items: page.map((row) => viewEntry(row, document, device)),
      nextCursor: rows.length > input.limit && last ? writeCursor(keyOf(last), last.id) : null,
    }
  },
})

type Device = { platform: string; osVersion: string }

function viewEntry(row: DeviceFileRow, policy: PolicyDocument, device: Device): FileEntry {
  const { id, name, mediaType, sizeBytes, labels, publishedAt, derivedFrom, publishedBy } = viewFile(row)
  return {
    id,
    name,
    mediaType,
    sizeBytes,
    labels,
    publishedAt: publishedAt.toISOString(),
    // Nobody has looked at it yet: what it is called says nothing about what it is.
    kind: row.kind ?? 'none',
    viewState: row.viewState ?? 'pending',
    ...(row.viewReason === null ? {} : { viewReason: row.viewReason }),
    may: permissionsOf(policy, device, labels),
    ...(derivedFrom && publishedBy ? { sharedBy: publishedBy.name } : {}),
  }
}

/** What the policy says before anybody asks: the same evaluator that decides when they do. */
function permissionsOf(policy: PolicyDocument, { platform, osVersion }: Device, labels: string[]): FileEntry['may'] {
  const may = (action: PolicyAction) => {
    // Only a capture asks what the device can prevent.
    const capabilities = { preventCapture: false }
    return permissionOf(evaluate(policy, { action, platform: platform as Platform, osVersion, capabilities, labels }))
  }
  return {
    download: may('file.download'),
    print: may('file.print'),
    copy: may('file.copy'),
    forward: may('file.forward'),
  }
}

function permissionOf({ outcome, denial }: PolicyDecision) {
  if (outcome === 'allowed') return 'allow' as const
  if (denial === 'reason_required') return 'ask_reason' as const
  return denial === 'external_recipient' ? ('internal' as const) : ('block' as const)
}
