import 'server-only'
import type { z } from 'zod'
import type { Actor } from '#server/kernel/actor.ts'
import { defineIrreversible, fingerprint } from '#server/kernel/brake.ts'
import type { BrakeRequest, BrakeTarget } from '#server/kernel/brake-request.ts'
import type { Audited, CommandContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { type LockedDevice, lockDevice, named, requireCan, setStatus } from './device-rows.ts'
import { issueCommand, withdrawCommands } from './issue-command.ts'
import { block, restore } from './lifecycle.ts'
import { requireOwnDevice } from './own-devices.ts'
import { deviceCan, STOPPABLE_WIPE_STATES, type WipeState, wipeInput } from './schema.ts'
import { addStep, moveWipe } from './wipe-rows.ts'
import { readWipe } from './wipe-view.ts'

type Context = Omit<CommandContext<z.output<typeof wipeInput>>, 'stepUpMethod'>

/**
 * Asks for the erase of a device. It is blocked at once; the erase itself waits for the brake: budget, approval, undo window.
 * @throws AppError not_found · conflict (an erase is open or done) · step_up_required
 */
export const requestWipe = defineIrreversible({
  name: 'device.wipe',
  actions: {
    request: 'device.wipe.request',
    hold: 'device.wipe.hold',
    release: 'device.wipe.release',
    approve: 'device.wipe.approve',
    cancel: 'device.wipe.cancel',
    carryOut: 'device.wipe.queue',
    expire: 'device.wipe.expire',
  },
  permission: 'devices:wipe',
  budget: 'erase',
  input: wipeInput,
  target: wipeTarget,
  requested: recordRequest,
  moved: followGate,
  carryOut,
  own: { name: 'device.wipe.own', requireOwn },
})

/** A person's own device; one that is lost cannot wait for somebody else. */
async function requireOwn({ tx, tenantId, actor, input: { deviceId } }: Context): Promise<void> {
  await requireOwnDevice({ tx, tenantId, actor }, deviceId)
}

/** Asked when the request is made and again before every decision on it: its own open request does not stand in its way. */
async function wipeTarget(context: Context): Promise<BrakeTarget> {
  const { deviceId, scope } = context.input
  const device = await lockDevice(context, deviceId)
  requireCan(deviceCan.wipe({ ...device, openWipeId: null }), 'An erase of this device is under way or done.')
  const hit = fingerprint({ device: device.id, enrollment: device.enrollmentId, person: device.personId, scope })
  return { type: 'device', id: device.id, name: device.name, units: 1, fingerprint: hit }
}

/** The gate's state of a new request is one of the three in which it can still be taken back. */
function openingState({ state }: BrakeRequest): WipeState {
  const opening = STOPPABLE_WIPE_STATES.find((known) => known === state)
  if (!opening) throw new Error(`a new request is ${state}`)
  return opening
}

async function recordRequest(context: Context, request: BrakeRequest) {
  const { tx, actor, tenantId, input, now } = context
  const device = await lockDevice(context, input.deviceId)
  const state = openingState(request)
  const { requester, reason } = request
  await tx.wipe.create({
    data: {
      tenantId,
      id: request.id,
      deviceId: device.id,
      enrollmentId: device.enrollmentId,
      scope: input.scope,
      reason,
      state,
      statusBefore: device.status,
      requesterKind: requester.kind,
      requesterId: actor.kind === 'system' || actor.kind === 'scim' ? tenantId : requester.id,
      requesterName: requester.name,
      createdAt: now,
      updatedAt: now,
    },
    select: { id: true },
  })
  await addStep(context, { wipeId: request.id, state, by: actor })
  const asked: Audited = {
    action: 'device.wipe.request',
    outcome: 'pending',
    ...named(device),
    reason,
    correlationId: request.id,
    detail: { scope: input.scope, state },
  }
  const { blocked, topic } = await stop(context, device, request)
  return { result: await readWipe(tx, tenantId, request.id), audit: [asked, ...blocked], notify: topic }
}

/** Access ends now, whatever becomes of the request. */
async function stop(
  context: Context,
  device: LockedDevice,
  request: BrakeRequest,
): Promise<{ blocked: Audited[]; topic: string[] }> {
  if (device.status === 'blocked' || device.status === 'retired') return { blocked: [], topic: [] }
  const topic = await block(context, device, request.reason)
  const entry: Audited = { action: 'device.block', ...named(device), reason: request.reason, correlationId: request.id }
  return { blocked: [entry], topic: [topic] }
}

/**
 * Keeps the wipe in step with the gate; taken back, the device gets its status from before the request. A key opens again
 * only what it closed itself: after somebody else's request the device stays blocked until a person unblocks it.
 */
async function followGate(context: Context, request: BrakeRequest, by: Actor) {
  const { tx, tenantId, input } = context
  const wipe = await tx.wipe.findFirst({ where: { tenantId, id: request.id }, select: { statusBefore: true } })
  if (!wipe) throw new AppError('not_found', { detail: 'There is no such erase.' })
  const to = nextState(request)
  await moveWipe(context, { wipeId: request.id, from: STOPPABLE_WIPE_STATES, to, by })
  const device = await lockDevice(context, input.deviceId)
  // Nobody decided an expired one: then access stays closed until somebody does.
  if (to !== 'cancelled' || device.status !== 'blocked') return { notify: ['wipe'] }
  if (by.kind === 'api_key' && request.requester.id !== by.apiKeyId) return { notify: ['wipe'] }
  const { statusBefore } = wipe
  if (statusBefore !== 'active' && statusBefore !== 'pending') return { notify: ['wipe'] }
  await restore(context, { id: device.id, status: statusBefore })
  return { notify: ['wipe', `device:${device.id}`] }
}

function nextState({ state }: BrakeRequest): WipeState {
  if (state === 'delayed' || state === 'cancelled' || state === 'expired' || state === 'failed') return state
  throw new Error(`an open request cannot become ${state}`)
}

/**
 * The erase: the server's half of the vault key is deleted and the order signed, in one transaction. From its commit on a
 * device that never connects again is useless when its offline lease ends; if we die before, nothing has happened.
 */
async function carryOut(context: Context, request: BrakeRequest) {
  const { sql, tx, actor, tenantId, input, now } = context
  const device = await lockDevice(context, input.deviceId)
  const shares = await sql<{ id: string; until: Date | string | null }>(
    'DELETE FROM vault_share WHERE tenant_id = $1::uuid AND device_id = $2::uuid RETURNING enrollment_id::text AS id, offline_until AS until',
    [tenantId, device.id],
  )
  const offlineUntil = latest(shares.map(({ until }) => until))
  await withdrawCommands(context, { deviceId: device.id, state: 'superseded' })
  const args = { wipeId: request.id, scope: input.scope }
  const order = await issueCommand(context, {
    deviceId: device.id,
    enrollmentId: device.enrollmentId,
    type: 'wipe',
    args,
  })
  const data = { commandId: order.id, shareDestroyedAt: now, offlineUntil }
  await moveWipe(context, { wipeId: request.id, from: STOPPABLE_WIPE_STATES, to: 'queued', by: actor, data })
  await setStatus(context, { deviceId: device.id, status: 'wiping', reason: request.reason, now })
  const enrollments = await tx.enrollment.findMany({ where: { tenantId, deviceId: device.id }, select: { id: true } })
  const queued: Audited = {
    action: 'device.wipe.queue',
    ...named(device),
    reason: request.reason,
    correlationId: request.id,
    detail: {
      scope: input.scope,
      shareDestroyed: 'true',
      ...(offlineUntil ? { offlineUntil: offlineUntil.toISOString() } : {}),
    },
  }
  return {
    audit: [queued],
    jobs: [{ task: 'device.record_destroyed', payload: { tenantId, enrollmentIds: enrollments.map(({ id }) => id) } }],
    notify: ['wipe', order.topic],
  }
}

function latest(times: readonly (Date | string | null)[]): Date | null {
  const known = times.flatMap((time) => (time === null ? [] : [new Date(time).getTime()]))
  return known.length === 0 ? null : new Date(Math.max(...known))
}
