import 'server-only'
import type { Db, Tx } from './db.ts'

/** What a write transaction has sealed so far: organisation → ids of the keys it took. */
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

/** The kernel's write path calls it when the transaction begins: from now on values may be sealed in it. */
export function beginSealing(tx: Tx): void {
  openSeals.set(tx, new Map())
}

/** @throws Error outside of a write transaction */
export function noteSeal(tx: Tx, tenantId: string, keyId: string): void {
  const seals = openSeals.get(tx)
  // Sealed elsewhere, nobody would notice that the key was rotated and destroyed before the value is stored.
  if (!seals) throw new Error('a value is sealed in the write transaction that stores it, nowhere else')
  seals.set(tenantId, (seals.get(tenantId) ?? new Set()).add(keyId))
}

/**
 * Before the commit of a transaction that sealed something: its key must still be the current one, and stays so until the
 * commit (a rotation waits for the lock). So when a rotation has begun, nothing more is sealed under an older key by anybody.
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
