import 'server-only'
import { systemTransaction } from './db.ts'

/** A transaction that says nothing for a minute is ended by the database. */
const BEAT_MS = 20_000

/**
 * Runs while this process alone works on `name`; does nothing when another one does. The lock goes with a connection of its own: of a
 * worker that is killed it is free at once, and it is free when this returns.
 */
export async function workingAlone(name: string, run: () => Promise<void>): Promise<void> {
  await ifAlone(`gatehouse.${name}`, run)
}

/**
 * The same for whatever is locked by this name; null when another process has it. A connection that breaks gives the lock away and is
 * noticed at the end alone: `requireLock` throws then, for what two must never do at once.
 */
export function ifAlone<T>(name: string, run: (requireLock: () => Promise<void>) => Promise<T>): Promise<T | null> {
  return systemTransaction(async (sql) => {
    const [lock] = await sql<{ locked: boolean }>(
      'SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0)) AS locked',
      [name],
    )
    if (!lock?.locked) return null
    const beat = setInterval(() => void sql('SELECT 1').catch(() => {}), BEAT_MS)
    try {
      return await run(async () => void (await sql('SELECT 1')))
    } finally {
      clearInterval(beat)
    }
  })
}
