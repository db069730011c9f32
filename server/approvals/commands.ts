import 'server-only'
// What is decided here is defined there: without these a process that has just started would find no request.
import '#server/audit/commands.ts'
import '#server/content/commands.ts'
import '#server/devices/commands.ts'
import { z } from 'zod'
import type { AuditAction } from '#protocol/audit/actions.ts'
import {
  approveOpenRequest,
  cancelEveryOpenRequest,
  cancelOpenRequest,
  releaseHeldRequest,
} from '#server/kernel/brake-decisions.ts'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { DECIDABLE, type DecidableCommand, requestIdInput } from './schema.ts'

const target = ({ requestId }: { requestId: string }) => ({ type: 'request', id: requestId })

type Actions = Record<'approve' | 'release' | 'cancel', AuditAction>

type Decide<R extends object> = (context: CommandContext<{ requestId: string }>) => Promise<CommandOutcome<R>>

/** The three decisions on requests of one command: whoever may ask for it may decide about it. */
function defineDecisions(command: DecidableCommand, actions: Actions) {
  const decision = <R extends object>(action: AuditAction, risk: 'guard' | 'none', decide: Decide<R>) =>
    defineCommand({
      action,
      permission: DECIDABLE[command],
      risk,
      input: requestIdInput,
      target,
      execute: async (context) => {
        const { tx, tenantId, input } = context
        const found = await tx.brakeRequest.count({ where: { tenantId, id: input.requestId, command } })
        if (found === 0) throw new AppError('not_found', { detail: 'There is no such request.' })
        return decide(context)
      },
    })
  return {
    /** Agrees to what another person or key asked for; its undo window begins. @throws AppError not_found · conflict · other_person_required */
    approve: decision(actions.approve, 'guard', approveOpenRequest),
    /** Lets a request go on that was held because a budget was used up. @throws AppError not_found · conflict · other_person_required */
    release: decision(actions.release, 'guard', releaseHeldRequest),
    /** Takes an open request back: stopping is the safe direction. @throws AppError not_found · conflict */
    cancel: decision(actions.cancel, 'none', cancelOpenRequest),
  }
}

/** Decisions by the command that a request will run. */
export const decisions = {
  'device.wipe': defineDecisions('device.wipe', {
    approve: 'device.wipe.approve',
    release: 'device.wipe.release',
    cancel: 'device.wipe.cancel',
  }),
  'file.delete': defineDecisions('file.delete', {
    approve: 'file.delete.approve',
    release: 'file.delete.release',
    cancel: 'file.delete.cancel',
  }),
  'audit.retention.shorten': defineDecisions('audit.retention.shorten', {
    approve: 'audit.retention.shorten.approve',
    release: 'audit.retention.shorten.release',
    cancel: 'audit.retention.shorten.cancel',
  }),
  'audit.hold.release': defineDecisions('audit.hold.release', {
    approve: 'audit.hold.release.approve',
    release: 'audit.hold.release.release',
    cancel: 'audit.hold.release.cancel',
  }),
  'audit.erase': defineDecisions('audit.erase', {
    approve: 'audit.erase.approve',
    release: 'audit.erase.release',
    cancel: 'audit.erase.cancel',
  }),
} satisfies Record<DecidableCommand, ReturnType<typeof defineDecisions>>

/**
 * A person takes back the erase of their own device that they asked for themself. It opens the device again, and the lost one may
 * still be signed in itself: it takes the factor that the request took. @throws AppError not_found · conflict · step_up_required
 */
export const cancelOwnWipe = defineCommand({
  action: 'device.wipe.cancel',
  name: 'device.wipe.cancel.own',
  permission: 'self',
  risk: 'none',
  stepUp: 'fresh',
  input: requestIdInput,
  target,
  execute: async (context) => {
    const { tx, tenantId, actor, input } = context
    if (actor.kind !== 'person') throw new AppError('forbidden')
    const { personId } = actor
    const request = await tx.brakeRequest.findFirst({
      where: { tenantId, id: input.requestId, command: 'device.wipe', requesterKind: 'person', requesterId: personId },
      select: { targetId: true },
    })
    const isOwn = request && (await tx.device.count({ where: { tenantId, id: request.targetId, personId } })) === 1
    if (!isOwn) throw new AppError('not_found', { detail: 'You have made no such request.' })
    return cancelOpenRequest(context)
  },
})

/** The kill switch: takes every open request of the organisation back, at once and together. */
export const cancelAllRequests = defineCommand({
  action: 'brake.cancel_all',
  permission: 'devices:wipe',
  risk: 'none',
  input: z.strictObject({}),
  execute: cancelEveryOpenRequest,
})
