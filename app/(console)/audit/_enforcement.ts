import { GUARDED_OPERATIONS, type GuardedOperation } from '#protocol/policy/platforms.ts'

/** The operation that the table of the platforms speaks of, for an event's action. */
export function guardedOperation(action: string): GuardedOperation | null {
  if (action === 'screenshot.attempt') return 'screenshot'
  return GUARDED_OPERATIONS.find((operation) => action === `file.${operation}`) ?? null
}
