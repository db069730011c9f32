import type { Tx } from '#server/kernel/db.ts'
import { emailHmac } from '#server/kernel/keys.ts'

/** Where a sign-in looks for an address before any organisation is known. It holds a keyed hash, never the address. */
export async function addToDirectory(
  tx: Tx,
  { tenantId, personId, email }: { tenantId: string; personId: string; email: string },
): Promise<void> {
  await tx.loginDirectory.create({
    data: { emailHmac: new Uint8Array(emailHmac(email)), tenantId, personId },
    select: { personId: true },
  })
}
