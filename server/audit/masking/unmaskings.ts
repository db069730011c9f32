import 'server-only'
import { type Actor, actorId } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'

/** How long names are shown for one reason. */
export const UNMASK_MS = 30 * 60_000

/** Names are shown until then: of one person, or with null of everybody. */
export type Unmasking = { id: string; personId: string | null; until: Date }

/** `isAsked`: the organisation asks for a reason before names are shown. */
export type UnmaskState = { isAsked: boolean; unmaskings: Unmasking[] }

type Row = { asked: boolean | null; id: string | null; person: string | null; until: Date | string | null }

/**
 * What the organisation asks, and the reasons this very actor gave that still hold: of a person only in the session they were
 * given in. Index: audit_unmasking_actor.
 */
export async function readUnmaskings(sql: Sql, actor: Actor): Promise<UnmaskState> {
  const rows = await sql<Row>(
    `SELECT (t.settings #>> '{privacy,askReason}')::boolean AS asked, u.id::text, u.person_id::text AS person, u.until
       FROM tenant t
       LEFT JOIN audit_unmasking u ON u.tenant_id = t.id AND u.actor_id = $2::text AND u.until > $3::text::timestamptz
                                  AND u.session_id IS NOT DISTINCT FROM $4::text::uuid
      WHERE t.id = $1::uuid ORDER BY u.until DESC`,
    [actor.tenantId, actorId(actor), now().toISOString(), sessionOf(actor)],
  )
  return {
    isAsked: rows[0]?.asked === true,
    unmaskings: rows.flatMap(({ id, person, until }) =>
      id === null || until === null ? [] : [{ id, personId: person, until: new Date(until) }],
    ),
  }
}

/** Names are shown to a person in one session; to a key wherever it is used. */
export function sessionOf(actor: Actor): string | null {
  return actor.kind === 'person' ? actor.sessionId : null
}
