import 'server-only'
import { pgTransaction } from '#server/kernel/db.ts'

/** A transaction that says nothing for a minute is ended by the database. */
const BEAT_MS = 20_000

/**
 * Runs while this process alone works on an export; does nothing when another one does. The lock goes with the connection: of a
 * worker that is killed it is free at once.
 */
export async function holdingExport(tenantId: string, id: string, run: () => Promise<void>): Promise<void> {
  await pgTransaction('reader', tenantId, async (_client, sql) => {
    const [lock] = await sql<{ locked: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('gatehouse.export.' || $1::text, 0)) AS locked`,
      [id],
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
