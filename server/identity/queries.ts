import { z } from 'zod'
import { now } from '#server/kernel/clock.ts'
import { readTransaction, type Tx } from '#server/kernel/db.ts'
import { hook } from '#server/kernel/hooks.ts'
import { isPermission } from '#server/kernel/permissions.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { openWaitingSeed } from './enrolment.ts'
import { type ApiKeyView, describeUserAgent, type EnrolmentView, type FactorView, type SessionView } from './schema.ts'
import { requirePersonActor } from './second-factor.ts'
import { IDLE_MS } from './sessions.ts'
import { enrolmentOf } from './totp.ts'

export { apiKeyByToken } from './api-keys.ts'
export { type Client, isSessionAlive, type SignedIn, signedInByToken } from './sessions.ts'

const none = z.object({})

/** One's own live sessions, newest first. Index: session_person. */
export const listSessions = defineQuery({
  name: 'session.list',
  permission: 'self',
  input: none,
  run: async ({ tx, tenantId, actor, now: at }): Promise<SessionView[]> => {
    const { personId, sessionId } = requirePersonActor(actor)
    const rows = await tx.session.findMany({
      where: { tenantId, personId, revokedAt: null, expiresAt: { gt: at } },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: 100,
      select: {
        id: true,
        address: true,
        userAgent: true,
        createdAt: true,
        expiresAt: true,
        sessionActivity: { select: { lastUsedAt: true, address: true } },
      },
    })
    return rows
      .map(({ sessionActivity: activity, ...row }) => ({
        ...row,
        current: row.id === sessionId,
        address: activity?.address ?? row.address,
        device: describeUserAgent(row.userAgent),
        lastUsedAt: activity?.lastUsedAt ?? row.createdAt,
      }))
      .filter((session) => at.getTime() - session.lastUsedAt.getTime() < IDLE_MS)
  },
})

/** One's own second factor. `deadline`: from when on the policy asks for one. */
export const getFactor = defineQuery({
  name: 'second_factor.get',
  permission: 'pending',
  input: none,
  run: async ({ tx, tenantId, actor }): Promise<FactorView> => {
    const { personId } = requirePersonActor(actor)
    const row = await tx.totpCredential.findFirst({
      where: { tenantId, personId, confirmedAt: { not: null } },
      select: { confirmedAt: true },
    })
    const recoveryCodesLeft = await tx.recoveryCode.count({ where: { tenantId, personId } })
    return {
      enrolled: row !== null,
      enrolledAt: row?.confirmedAt ?? null,
      recoveryCodesLeft,
      deadline: await hook('secondFactorDeadline')(tx, tenantId),
    }
  },
})

/** The authenticator secret that waits for this session's code; null when none was begun here. */
export const getEnrolment = defineQuery({
  name: 'second_factor.enrolment',
  permission: 'pending',
  input: none,
  run: async ({ tx, tenantId, actor: anyone, vault }): Promise<EnrolmentView | null> => {
    const actor = requirePersonActor(anyone)
    const seed = await openWaitingSeed({ tx, tenantId, vault }, actor)
    const tenant = await tx.tenant.findFirst({ where: { id: tenantId }, select: { name: true } })
    return seed && enrolmentOf(seed, actor.email, tenant?.name ?? '')
  },
})

/** The organisation's API keys, newest first. */
export const listApiKeys = defineQuery({
  name: 'api_key.list',
  permission: 'admin',
  input: none,
  run: async ({ sql, tenantId }): Promise<ApiKeyView[]> => {
    const rows = await sql<KeyRow>(
      `SELECT k.id::text, k.name, k.token_hint AS hint, k.scopes, k.created_at AS "createdAt", k.revoked_at AS "revokedAt", k.created_by::text AS "makerId",
              p.name AS "makerName", p.status AS "makerStatus", a.last_used_at AS "lastUsedAt", a.address AS "lastAddress"
         FROM api_key k LEFT JOIN person p ON p.tenant_id = k.tenant_id AND p.id = k.created_by
         LEFT JOIN api_key_activity a ON a.tenant_id = k.tenant_id AND a.api_key_id = k.id
        WHERE k.tenant_id = $1::uuid ORDER BY (k.revoked_at IS NOT NULL), k.created_at DESC, k.id DESC LIMIT 500`,
      [tenantId],
    )
    return rows.map(toApiKeyView)
  },
})

type KeyRow = Omit<ApiKeyView, 'scopes' | 'state' | 'createdBy'> & {
  scopes: string[]
  makerId: string | null
  makerName: string | null
  makerStatus: string | null
}

function toApiKeyView({ makerId, makerName, makerStatus, scopes, ...row }: KeyRow): ApiKeyView {
  const rests = makerId !== null && makerStatus !== 'active'
  return {
    ...row,
    scopes: scopes.filter(isPermission),
    createdBy: makerId ? { id: makerId, name: makerName ?? '' } : null,
    state: row.revokedAt ? 'revoked' : rests ? 'maker_suspended' : 'active',
  }
}

/** Which of these people have a second factor. */
export const peopleWithFactor = defineQuery({
  name: 'second_factor.of_people',
  permission: 'people:read',
  input: z.object({ ids: z.array(z.uuid()).max(500) }),
  run: async ({ tx, tenantId, input }): Promise<string[]> => {
    const rows = await tx.totpCredential.findMany({
      where: { tenantId, personId: { in: input.ids }, confirmedAt: { not: null } },
      select: { personId: true },
    })
    return rows.map(({ personId }) => personId)
  },
})

/** Another person's sign-in, for their page: whether they have a factor, and how many live sessions. */
export const getPersonSignIn = defineQuery({
  name: 'second_factor.of_person',
  permission: 'people:read',
  input: z.object({ id: z.uuid() }),
  run: async ({ tx, tenantId, input, now: at }): Promise<{ enrolledAt: Date | null; sessions: number }> => {
    const where = { tenantId, personId: input.id }
    const factor = await tx.totpCredential.findFirst({
      where: { ...where, confirmedAt: { not: null } },
      select: { confirmedAt: true },
    })
    const sessions = await tx.session.count({
      where: { ...where, revokedAt: null, state: 'active', expiresAt: { gt: at } },
    })
    return { enrolledAt: factor?.confirmedAt ?? null, sessions }
  },
})

export type FactorHolder = { id: string; name: string; email: string; role: string; hasFactor: boolean }

/** Every active or invited person with whether they have a second factor, by name; for the policy's forecast, inside its transaction. */
export async function peopleAndFactors(tx: Tx, tenantId: string): Promise<FactorHolder[]> {
  const people = await tx.person.findMany({
    where: { tenantId, status: { not: 'suspended' } },
    select: { id: true, name: true, email: true, role: true },
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
  })
  const rows = await tx.totpCredential.findMany({
    where: { tenantId, confirmedAt: { not: null } },
    select: { personId: true },
  })
  const holders = new Set(rows.map(({ personId }) => personId))
  return people.map((person) => ({ ...person, hasFactor: holders.has(person.id) }))
}

const INSTANCE = Symbol.for('gatehouse.instance')
const slots = globalThis as { [INSTANCE]?: string }

/** The id of this installation; names its cookies, which browsers keep apart by name and not by port. */
export async function instanceId(): Promise<string> {
  if (slots[INSTANCE]) return slots[INSTANCE]
  const row = await readTransaction(null, ({ tx }) => tx.instance.findFirst({ select: { id: true } }))
  if (!row) throw new Error('the database has no instance row')
  slots[INSTANCE] = row.id
  return row.id
}

/** Now, as the kernel counts it: pages compare times with it. */
export function serverNow(): Date {
  return now()
}
