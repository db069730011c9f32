import { z } from 'zod'
import type { Actor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { getTenant } from '#server/tenants/queries.ts'
import { countSignIn, forgiveSignIn } from './limits.ts'
import { storePassword } from './password-store.ts'
import { hashPassword, requireGoodPassword, verifyPassword } from './passwords.ts'
import { changePasswordInput } from './schema.ts'
import { requirePersonActor } from './second-factor.ts'

const writePassword = defineCommand({
  action: 'auth.password.change',
  permission: 'self',
  risk: 'none',
  input: z.object({ hash: z.string() }),
  execute: async (context) => {
    const { tx, tenantId, input, now } = context
    const actor = requirePersonActor(context.actor)
    await storePassword(context, actor.personId, input.hash)
    const others = { tenantId, personId: actor.personId, revokedAt: null, id: { not: actor.sessionId } }
    const { count } = await tx.session.updateMany({ where: others, data: { revokedAt: now } })
    return {
      result: { revoked: count },
      audit: { action: 'auth.password.change', detail: { sessionsRevoked: String(count) } },
      notify: ['session'],
    }
  },
})

/** Changes one's own password and signs every other place out. @throws AppError bad_credentials · invalid · rate_limited */
export async function changePassword(
  actor: Actor,
  raw: z.input<typeof changePasswordInput>,
): Promise<{ revoked: number }> {
  const person = requirePersonActor(actor)
  const { current, next } = parseInput(changePasswordInput, raw)
  const attempt = { email: person.email, address: person.address, isKnownAddress: true }
  await countSignIn(attempt)
  const where = { tenantId: person.tenantId, personId: person.personId }
  const stored = await readTransaction(person.tenantId, ({ tx }) =>
    tx.passwordCredential.findFirst({ where, select: { hash: true } }),
  )
  if (!(await verifyPassword(stored?.hash, current))) {
    throw new AppError('bad_credentials', {
      detail: 'The present password is not right.',
      fields: { current: 'is not right' },
    })
  }
  await forgiveSignIn(attempt)
  requireGoodPassword(next, [person.email, (await getTenant(actor, {})).name], 'next')
  return writePassword(actor, { hash: await hashPassword(next) })
}
