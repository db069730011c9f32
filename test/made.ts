import { randomBytes } from 'node:crypto'
import { uuidv7 } from '#lib/uuid.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { ROLE_PERMISSIONS, type Role } from '#server/kernel/permissions.ts'
import { writeTenant } from '#server/tenants/commands.ts'

/** Founds an organisation without people. */
export async function makeTenant(name = `Org ${randomBytes(4).toString('hex')}`): Promise<string> {
  const tenantId = uuidv7()
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'tenant.create' }, async (context) => {
    await writeTenant(context, { name, origin: 'localhost:8443/log' })
    return { result: null, audit: { action: 'tenant.create', target: { type: 'tenant', id: tenantId, name } } }
  })
  return tenantId
}

export type PersonOptions = { role?: Role; name?: string; email?: string; founder?: boolean }

/** A person of the organisation and the actor of an active session whose second factor is fresh. */
export async function makePerson(
  tenantId: string,
  { role = 'admin', name = `Person ${role}`, email, founder = false }: PersonOptions = {},
): Promise<PersonActor> {
  const personId = uuidv7()
  const sessionId = uuidv7()
  const address = email ?? `${personId}@example.org`
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'person.create' }, async ({ tx, now: at }) => {
    await tx.person.create({ data: { tenantId, id: personId, email: address, name, role, status: 'active', founder } })
    await tx.session.create({
      data: {
        tenantId,
        id: sessionId,
        personId,
        tokenHash: new Uint8Array(32),
        state: 'active',
        factorAt: at,
        address: '127.0.0.1',
        userAgent: 'test',
        expiresAt: new Date(at.getTime() + 3_600_000),
      },
    })
    return { result: null, audit: { action: 'person.create', target: { type: 'person', id: personId, name } } }
  })
  return {
    kind: 'person',
    tenantId,
    personId,
    name,
    email: address,
    role,
    founder,
    permissions: new Set(ROLE_PERMISSIONS[role]),
    sessionId,
    sessionState: 'active',
    factorAt: now(),
    address: '127.0.0.1',
    userAgent: 'test',
  }
}
