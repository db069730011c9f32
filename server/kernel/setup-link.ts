import 'server-only'
import { now } from './clock.ts'
import { unsafeWriteTransaction } from './db.ts'
import { matchesHash, randomSecret, sha256 } from './keys.ts'

const LIFETIME_MS = 24 * 3_600_000

/** A fresh one-time token for founding the first organisation; null once one was founded. Earlier tokens end. */
export async function issueSetupToken(): Promise<string | null> {
  return unsafeWriteTransaction(null, async ({ tx }) => {
    const token = randomSecret()
    const { count } = await tx.instance.updateMany({
      where: { setupCompletedAt: null },
      data: { setupTokenHash: new Uint8Array(sha256(token)), setupExpiresAt: new Date(now().getTime() + LIFETIME_MS) },
    })
    return count === 1 ? token : null
  })
}

export type SetupState = 'open' | 'wrong' | 'expired' | 'completed'

/** Whether `token` may still found the first organisation. */
export async function checkSetupToken(token: string): Promise<SetupState> {
  return unsafeWriteTransaction(null, async ({ tx }) => {
    const row = await tx.instance.findFirst({
      select: { setupTokenHash: true, setupExpiresAt: true, setupCompletedAt: true },
    })
    if (!row || row.setupCompletedAt) return 'completed'
    if (!row.setupTokenHash || !matchesHash(token, row.setupTokenHash)) return 'wrong'
    return row.setupExpiresAt && row.setupExpiresAt > now() ? 'open' : 'expired'
  })
}
