import type { Enforcement } from '#protocol/audit/actions.ts'
import { GUARDED_OPERATIONS, type GuardedOperation } from '#protocol/policy/platforms.ts'
import type { AuditEventView } from '#server/audit/schema.ts'

/** The operation that the table of the platforms speaks of, for an event's action. */
export function guardedOperation(action: string): GuardedOperation | null {
  if (action === 'screenshot.attempt') return 'screenshot'
  return GUARDED_OPERATIONS.find((operation) => action === `file.${operation}`) ?? null
}

/** A key of the messages `common.enforcementWords`: who only turned to another window has probably taken nothing. */
export function enforcementKey(enforcement: Enforcement, detail: AuditEventView['detail']): Enforcement | 'left' {
  return enforcement === 'detected' && detail?.means === 'focus_lost' ? 'left' : enforcement
}
