import type { AuditAction } from '#protocol/audit/actions.ts'
import type { DetailValue } from '#protocol/audit/personal.ts'

type Change = { readonly before?: string | readonly string[]; readonly after?: string | readonly string[] }

/** What stands in the detail of an entry, where an action has a fixed form. A missing or misspelt member does not compile. */
type Fixed = {
  'device.wipe.request': { scope: string; state: string }
  'device.wipe.queue': { scope: string; shareDestroyed: 'true'; offlineUntil?: string }
  'device.wipe.receipt': { result: string; files: string; bytes: string; thumbprint: string }
  'policy.publish': { version: string } & { readonly [path: string]: Change | string }
  'policy.rollback': { version: string; restoredFrom: string } & { readonly [path: string]: Change | string }
  'api_key.create': { scopes: readonly string[] }
  'brake.cancel_all': { cancelled: string }
  'auth.sign_in': { method?: string; problem?: string }
}

export type AuditDetail<A extends AuditAction> = A extends keyof Fixed
  ? Fixed[A]
  : { readonly [name: string]: DetailValue }
