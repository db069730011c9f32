import 'server-only'
import { importVerifyKey, publicJwkSchema } from '#protocol/device/keys.ts'
import { receiptSchema, verifyReceipt } from '#protocol/device/receipts.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { STOPPABLE_WIPE_STATES, type WipeLine, type WipeReceiptView, type WipeState, type WipeView } from './schema.ts'

const LINE = {
  id: true,
  deviceId: true,
  scope: true,
  reason: true,
  state: true,
  requesterKind: true,
  requesterId: true,
  requesterName: true,
  createdAt: true,
  updatedAt: true,
  device: { select: { name: true, person: { select: { name: true } } } },
} as const

type LineRow = {
  id: string
  deviceId: string
  scope: string
  reason: string
  state: string
  requesterKind: string
  requesterId: string
  requesterName: string
  createdAt: Date
  updatedAt: Date
  device: { name: string; person: { name: string } }
}

function toLine(row: LineRow): WipeLine {
  const { id, deviceId, reason, device } = row
  return {
    id,
    deviceId,
    deviceName: device.name,
    personName: device.person.name,
    reason,
    // The columns' CHECK constraints hold exactly these values.
    scope: row.scope as WipeLine['scope'],
    state: row.state as WipeState,
    requestedBy: { kind: row.requesterKind, id: row.requesterId, name: row.requesterName },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}

type Page = {
  states: readonly WipeState[] | null
  device: string | undefined
  limit: number
  cursor: string | undefined
}

/** Newest first; ids are in the order of time. Index: wipe_recent, wipe_state, wipe_device. */
export async function readWipes(
  tx: Tx,
  tenantId: string,
  { states, device, limit, cursor }: Page,
): Promise<{ items: WipeLine[]; nextCursor: string | null }> {
  const rows = await tx.wipe.findMany({
    where: {
      tenantId,
      ...(states ? { state: { in: [...states] } } : {}),
      ...(device ? { deviceId: device } : {}),
      ...(cursor ? { id: { lt: cursor } } : {}),
    },
    orderBy: { id: 'desc' },
    take: limit + 1,
    select: LINE,
  })
  const items = rows.slice(0, limit).map(toLine)
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
}

/** @throws AppError not_found */
export async function readWipe(tx: Tx, tenantId: string, id: string): Promise<WipeView> {
  const row = await tx.wipe.findFirst({
    where: { tenantId, id },
    select: {
      ...LINE,
      enrollmentId: true,
      commandId: true,
      shareDestroyedAt: true,
      offlineUntil: true,
      receipt: true,
      wipeTimelines: { orderBy: { id: 'asc' }, select: { state: true, at: true, byKind: true, byName: true } },
    },
  })
  if (!row) throw new AppError('not_found', { detail: 'There is no such erase.' })
  const { updatedAt: _, ...line } = toLine(row)
  const request = await tx.brakeRequest.findFirst({ where: { tenantId, id }, select: { notBefore: true } })
  const decisions = await tx.brakeDecision.findMany({
    where: { tenantId, requestId: id, decision: { in: ['approve', 'release'] } },
    orderBy: { id: 'asc' },
    select: { personId: true, personName: true, at: true, decision: true },
  })
  const receipt = row.receipt ? await readReceipt(tx, tenantId, { ...row, jws: row.receipt }) : undefined
  return {
    ...line,
    approvals: decisions.map(({ personId, personName, at, decision }) => ({
      by: { id: personId, name: personName },
      at: at.toISOString(),
      decision: decision === 'approve' ? 'approve' : 'release',
    })),
    timeline: row.wipeTimelines.map(({ state, at, byKind, byName }) => ({
      state: state as WipeState,
      at: at.toISOString(),
      by: { kind: byKind, name: byName },
    })),
    undoUntil: STOPPABLE_WIPE_STATES.includes(line.state) ? (request?.notBefore?.toISOString() ?? null) : null,
    shareDestroyedAt: row.shareDestroyedAt?.toISOString() ?? null,
    offlineUntil: row.offlineUntil?.toISOString() ?? null,
    ...(receipt ? { receipt } : {}),
  }
}

type Stored = { jws: string; enrollmentId: string; commandId: string | null; deviceId: string }

/** Verifies the stored receipt once more: what the page calls verified is verified now, not when it came in. */
async function readReceipt(
  tx: Tx,
  tenantId: string,
  { jws, enrollmentId, commandId, deviceId }: Stored,
): Promise<WipeReceiptView | undefined> {
  const enrollment = await tx.enrollment.findFirst({
    where: { tenantId, id: enrollmentId },
    select: { signJwk: true, signThumbprint: true },
  })
  const command = await tx.deviceCommand.findFirst({
    where: { tenantId, id: commandId ?? '' },
    select: { nonce: true },
  })
  const stated = receiptSchema.safeParse(
    JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString() || 'null'),
  )
  if (!enrollment || !command || !stated.success) return undefined
  const key = await importVerifyKey(publicJwkSchema.parse(enrollment.signJwk))
  const verified = await verifyReceipt(jws, key, { commandId: commandId ?? '', deviceId, nonce: command.nonce }).then(
    () => true,
    () => false,
  )
  const { result, erased, at, scope, code } = stated.data
  return {
    result,
    ...erased,
    at,
    scope: scope ?? null,
    code: code ?? null,
    thumbprint: enrollment.signThumbprint,
    verified,
    jws,
  }
}
