import 'server-only'
import { systemTransaction } from './db.ts'

/** A transaction that says nothing for a minute is ended by the database. */
const BEAT_MS = 20_000

/**
 * Runs while this process alone works on `name`; does nothing when another one does. The lock goes with a connection of its own: of a
 * worker that is killed it is free at once, and it is free when this returns.
 */
export async function workingAlone(name: string, run: () => Promise<void>): Promise<void> {
  await systemTransaction(async (sql) => {
    const [lock] = await sql<{ locked: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('gatehouse.' || $1::text, 0)) AS locked`,
      [name],
    )
    if (!lock?.locked) return
    // A connection that breaks is noticed at the end; what was written until then is good.
    const beat = setInterval(() => void sql('SELECT 1').catch(() => {}), BEAT_MS)
    try {
      await run()
    } finally {
      clearInterval(beat)
    }
  })
}
