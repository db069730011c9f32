import 'server-only'
import type { AuditAction } from '#protocol/audit/actions.ts'
import type { Job } from './jobs.ts'

/** How far an irreversible request has come through the gate. */
export const BRAKE_STATES = [
  'held',
  'awaiting_approval',
  'delayed',
  'released',
  'cancelled',
  'expired',
  'failed',
] as const
export type BrakeState = (typeof BRAKE_STATES)[number]
export const OPEN_BRAKE_STATES: readonly BrakeState[] = ['held', 'awaiting_approval', 'delayed']

/** What a request would hit; an approval is void when `fingerprint` has changed since. */
export type BrakeTarget = { type: string; id: string; name: string; units: number; fingerprint: string }

export type BrakeRequest = {
  id: string
  state: BrakeState
  reason: string
  notBefore: Date | null
  requester: { kind: string; id: string; name: string }
}

export type BrakeActions = Record<
  'request' | 'hold' | 'release' | 'approve' | 'cancel' | 'carryOut' | 'expire',
  AuditAction
>

/** After the undo window the background process carries it out; a request not yet delayed has no job. */
export function releaseJob(tenantId: string, request: Pick<BrakeRequest, 'id' | 'state' | 'notBefore'>): Job[] {
  if (request.state !== 'delayed' || !request.notBefore) return []
  return [
    {
      task: 'brake.release',
      payload: { tenantId, requestId: request.id },
      runAt: request.notBefore,
      key: `brake:${request.id}`,
    },
  ]
}
