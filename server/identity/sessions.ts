import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { makeBearer, parseBearer } from '#server/kernel/bearer.ts'
import { now } from '#server/kernel/clock.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { pgTransaction, readTransaction, type Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { hook } from '#server/kernel/hooks.ts'
import { matchesHash, sha256 } from '#server/kernel/keys.ts'
import { ROLE_PERMISSIONS, type Role } from '#server/kernel/permissions.ts'
import { hasFactor } from './factors.ts'
import type { SessionState } from './schema.ts'

const MINUTE_MS = 60_000
export const SESSION_MS = 7 * 24 * 60 * MINUTE_MS
export const IDLE_MS = 12 * 60 * MINUTE_MS
/** Time to give the second factor, or to enrol one. */
const PENDING_MS: Record<Exclude<SessionState, 'active'>, number> = {
  second_factor: 15 * MINUTE_MS,
  enroll_factor: 60 * MINUTE_MS,
}
/** Requests under way when a step-up changes the token still carry the one before it. */
const PREVIOUS_TOKEN_MS = 30_000
const TOUCH_MS = MINUTE_MS

/** Where a request comes from. */
export type Client = { address: string; userAgent: string }

/** Somebody signed in, as every page needs them. */
export type SignedIn = { actor: PersonActor; organisation: { id: string; name: string }; hasFactor: boolean }

type PersonRow = { id: string; name: string; email: string; role: string; founder: boolean }

export function personActor(
  tenantId: string,
  person: PersonRow,
  session: Pick<PersonActor, 'sessionId' | 'sessionState' | 'factorAt'> & Client,
): PersonActor {
  // The database's CHECK holds the role to the list.
  const role = person.role as Role
  return {
    kind: 'person',
    tenantId,
    personId: person.id,
    name: person.name,
    email: person.email,
    role,
    founder: person.founder,
    permissions: new Set(ROLE_PERMISSIONS[role]),
    ...session,
  }
}

/** From when on a person without a factor reaches the enrolment page only has passed. */
export async function mustEnrol(tx: Tx, tenantId: string, at: Date): Promise<boolean> {
  const deadline = await hook('secondFactorDeadline')(tx, tenantId)
  return deadline !== null && deadline <= at
}

const openInput = z.object({
  method: z.enum(['password', 'invitation', 'setup']),
  forceEnrolment: z.boolean().default(false),
})

/** Writes the session of an actor whose first factor was proven, and the entry of it. `pending` until the second one is. */
const writeSession = defineCommand({
  action: 'auth.sign_in',
  permission: 'pending',
  risk: 'none',
  input: openInput,
  execute: async ({ tx, tenantId, actor, input, now: at }) => {
    if (actor.kind !== 'person') throw new AppError('forbidden')
    const state = await firstState(tx, actor, input.forceEnrolment, at)
    const { token, secret } = makeBearer('gs', tenantId, actor.sessionId)
    await tx.session.create({
      data: {
        tenantId,
        id: actor.sessionId,
        personId: actor.personId,
        tokenHash: new Uint8Array(sha256(secret)),
        state,
        address: actor.address,
        userAgent: actor.userAgent,
        createdAt: at,
        expiresAt: new Date(at.getTime() + (state === 'active' ? SESSION_MS : PENDING_MS[state])),
      },
      select: { id: true },
    })
    const outcome = state === 'active' ? 'allowed' : 'pending'
    return {
      result: { token, state },
      audit: { action: 'auth.sign_in', outcome, detail: { method: input.method } },
      notify: ['session'],
    }
  },
})

async function firstState(
  tx: Tx,
  { tenantId, personId }: PersonActor,
  forced: boolean,
  at: Date,
): Promise<SessionState> {
  if (await hasFactor(tx, tenantId, personId)) return 'second_factor'
  return forced || (await mustEnrol(tx, tenantId, at)) ? 'enroll_factor' : 'active'
}

export type Opening = { tenantId: string; personId: string; client: Client } & z.input<typeof openInput>

/**
 * Opens a session for somebody who has just proven their first factor; the token leaves the server once, as a cookie.
 * Entry auth.sign_in. @throws AppError bad_credentials when the person may not sign in (any more)
 */
export async function openSession({
  tenantId,
  personId,
  client,
  ...input
}: Opening): Promise<{ token: string; state: SessionState; actor: PersonActor }> {
  const person = await readTransaction(tenantId, ({ tx }) =>
    tx.person.findFirst({
      where: { tenantId, id: personId, status: 'active' },
      select: { id: true, name: true, email: true, role: true, founder: true },
    }),
  )
  if (!person) throw new AppError('bad_credentials')
  const sessionId = uuidv7(now().getTime())
  const pending = personActor(tenantId, person, { sessionId, sessionState: 'second_factor', factorAt: null, ...client })
  const { token, state } = await writeSession(pending, input)
  return { token, state, actor: { ...pending, sessionState: state } }
}

type Rotation = { state: SessionState; keepPrevious: boolean }

/**
 * Gives the actor's session a new token and the moment of its factor. After a step-up the old token stays good for requests
 * under way; from a pending state it ends at once, so that a token planted before the sign-in is worth nothing.
 * @throws AppError unauthenticated when the session was revoked meanwhile
 */
export async function rotateSession(
  { sql, tenantId, now: at }: CommandContext<unknown>,
  actor: PersonActor,
  { state, keepPrevious }: Rotation,
): Promise<string> {
  const { token, secret } = makeBearer('gs', tenantId, actor.sessionId)
  const expiresAt = new Date(at.getTime() + SESSION_MS)
  const rotated = await sql(
    `UPDATE session SET previous_hash = CASE WHEN $7::boolean THEN token_hash END, token_hash = decode($3::text, 'hex'), rotated_at = $4::text::timestamptz,
            factor_at = $4::text::timestamptz, expires_at = CASE WHEN state = 'active' THEN expires_at ELSE $5::text::timestamptz END, state = 'active'
      WHERE tenant_id = $1::uuid AND id = $2::uuid AND state = $6::text AND revoked_at IS NULL RETURNING 1 AS rotated`,
    [
      tenantId,
      actor.sessionId,
      sha256(secret).toString('hex'),
      at.toISOString(),
      expiresAt.toISOString(),
      state,
      keepPrevious,
    ],
  )
  if (rotated.length !== 1) throw new AppError('unauthenticated', { detail: 'This session has ended.' })
  return token
}

type Row = {
  personId: string
  name: string
  email: string
  role: string
  founder: boolean
  organisation: string
  state: SessionState
  factorAt: Date | null
  hash: string
  previous: string | null
  rotatedAt: Date | null
  usedAt: Date
  hasFactor: boolean
}

const LIVE = `
  FROM session s
  JOIN person p ON p.tenant_id = s.tenant_id AND p.id = s.person_id
  JOIN tenant t ON t.id = s.tenant_id
  LEFT JOIN session_activity a ON a.tenant_id = s.tenant_id AND a.session_id = s.id
  WHERE s.tenant_id = $1::uuid AND s.id = $2::uuid AND s.revoked_at IS NULL AND s.expires_at > $3::text::timestamptz
    AND coalesce(a.last_used_at, s.created_at) > $4::text::timestamptz AND p.status = 'active' AND t.status = 'active'`

const LOOK_UP = `
  SELECT p.id::text AS "personId", p.name, p.email, p.role, p.founder, t.name AS organisation, s.state, s.factor_at AS "factorAt",
         encode(s.token_hash, 'hex') AS hash, encode(s.previous_hash, 'hex') AS previous, s.rotated_at AS "rotatedAt",
         coalesce(a.last_used_at, s.created_at) AS "usedAt",
         EXISTS (SELECT 1 FROM totp_credential c WHERE c.tenant_id = s.tenant_id AND c.person_id = s.person_id AND c.confirmed_at IS NOT NULL) AS "hasFactor" ${LIVE}`

/** Who a session token belongs to, looked up on every request: a revoked session, a suspended person or organisation is dead at once. Null for anything else. */
export async function signedInByToken(token: string, client: Client): Promise<SignedIn | null> {
  const bearer = parseBearer('gs', token)
  if (!bearer) return null
  const { tenantId, id: sessionId } = bearer
  const at = now()
  const found = await readTransaction(tenantId, async ({ tx, sql }) => {
    const [row] = await sql<Row>(LOOK_UP, [
      tenantId,
      sessionId,
      at.toISOString(),
      new Date(at.getTime() - IDLE_MS).toISOString(),
    ])
    const match = row && matchOf(row, bearer.secret, at)
    if (!row || !match) return null
    // The rule may have begun after this session did.
    const sessionState =
      row.state === 'active' && !row.hasFactor && (await mustEnrol(tx, tenantId, at)) ? 'enroll_factor' : row.state
    return { row, sessionState, factorAt: match === 'current' ? row.factorAt : null }
  })
  if (!found) return null
  const { row, sessionState, factorAt } = found
  if (at.getTime() - row.usedAt.getTime() > TOUCH_MS) await touch(tenantId, sessionId, client.address, at)
  const actor = personActor(tenantId, { id: row.personId, ...row }, { sessionId, sessionState, factorAt, ...client })
  return { actor, organisation: { id: tenantId, name: row.organisation }, hasFactor: row.hasFactor }
}

function matchOf(row: Row, secret: string, at: Date): 'current' | 'previous' | null {
  if (matchesHash(secret, Buffer.from(row.hash, 'hex'))) return 'current'
  const isUnderWay = row.previous && row.rotatedAt && at.getTime() - row.rotatedAt.getTime() <= PREVIOUS_TOKEN_MS
  return isUnderWay && matchesHash(secret, Buffer.from(row.previous ?? '', 'hex')) ? 'previous' : null
}

/** Whether a session that was authenticated before still lives; for streams. */
export async function isSessionAlive({
  tenantId,
  sessionId,
}: Pick<PersonActor, 'tenantId' | 'sessionId'>): Promise<boolean> {
  const at = now()
  const rows = await readTransaction(tenantId, ({ sql }) =>
    sql(`SELECT 1 AS alive ${LIVE}`, [
      tenantId,
      sessionId,
      at.toISOString(),
      new Date(at.getTime() - IDLE_MS).toISOString(),
    ]),
  )
  return rows.length === 1
}

/** Telemetry: once a minute at most, without an entry. */
async function touch(tenantId: string, sessionId: string, address: string, at: Date): Promise<void> {
  await pgTransaction('writer', tenantId, (client) =>
    client.query(
      `INSERT INTO session_activity (tenant_id, session_id, last_used_at, address) VALUES ($1, $2, $3, $4)
       ON CONFLICT (tenant_id, session_id) DO UPDATE SET last_used_at = greatest(session_activity.last_used_at, excluded.last_used_at), address = excluded.address`,
      [tenantId, sessionId, at.toISOString(), address],
    ),
  )
}
