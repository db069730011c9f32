import 'server-only'
import type { Db, Tx } from './db.ts'
import { errorCodeOf } from './errors.ts'

/** What a write transaction has sealed for the queue so far: organisation → ids of the keys it took. */
type Seals = Map<string, Set<string>>
const openSeals = new WeakMap<Tx, Seals>()

/**
 * Another process rotated the data key and this one did not know. Nothing is wrong: the transaction forgets what it knew of the
 * keys and is run again, once.
 */
export class StaleKeysError extends Error {
  override name = 'StaleKeysError'
  readonly tenantId: string

  constructor(tenantId: string, keyId: string) {
    super(`the organisation ${tenantId} has no data key ${keyId}`)
    this.tenantId = tenantId
  }
}

/** The one inside `error`, by name: bundles may hold several copies of this module. */
export function staleKeysIn(error: unknown): StaleKeysError | undefined {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 6; depth++, cause = cause.cause) {
    if (cause.name === 'StaleKeysError') return cause as StaleKeysError
  }
  return undefined
}

/** The kernel's write path calls it when the transaction begins: from now on values for the queue may be sealed in it. */
export function beginSealing(tx: Tx): void {
  openSeals.set(tx, new Map())
}

/** For what no trigger of the database looks at: a value in a job. @throws Error outside of a write transaction */
export function noteSeal(tx: Tx, tenantId: string, keyId: string): void {
  const seals = openSeals.get(tx)
  if (!seals) throw new Error('a value of a job is sealed in the transaction that adds the job, nowhere else')
  seals.set(tenantId, (seals.get(tenantId) ?? new Set()).add(keyId))
}

/**
 * Before the commit of a transaction that sealed something for the queue: its key must still be the current one, and stays so
 * until the commit (a rotation waits for the lock). For columns the database does the same by a trigger, `require_current_key`.
 * @throws StaleKeysError
 */
export async function requireCurrentKeys({ tx, sql }: Db): Promise<void> {
  const seals = openSeals.get(tx)
  for (const [tenantId, ids] of seals ?? []) {
    const [current] = await sql<{ id: string }>(
      `SELECT id::text FROM tenant_key WHERE tenant_id = $1::uuid AND purpose = 'data' AND retired_at IS NULL FOR SHARE`,
      [tenantId],
    )
    for (const id of ids) if (id !== current?.id) throw new StaleKeysError(tenantId, id)
  }
  seals?.clear()
}

/** SQLSTATE of the trigger that refuses a value under a retired key. */
const SEALED_UNDER_RETIRED_KEY = 'GH003'

/** The organisation whose keys somebody rotated while this transaction went by the old ones; undefined for any other failure. */
export function staleTenant(error: unknown, tenantId: string | null): string | undefined {
  if (tenantId !== null && errorCodeOf(error) === SEALED_UNDER_RETIRED_KEY) return tenantId
  return staleKeysIn(error)?.tenantId
}
