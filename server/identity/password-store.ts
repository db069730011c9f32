import type { CommandContext } from '#server/kernel/command.ts'

/** Keeps the hash of a person's password in place of the one before. */
export async function storePassword(
  { tx, tenantId, now }: CommandContext<unknown>,
  personId: string,
  hash: string,
): Promise<void> {
  const data = { hash, updatedAt: now }
  await tx.passwordCredential.upsert({
    where: { tenantId_personId: { tenantId, personId } },
    create: { tenantId, personId, ...data },
    update: data,
    select: { personId: true },
  })
}
