import { describeAuditQuery } from '#server/audit/queries.ts'
import type { QueryMeaning } from '#server/audit/schema.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'

/** Where a query cannot be read and what was expected there. */
export type Mistake = { column: number; found: string; expected: readonly string[] }

/** What a query means, or what is wrong with it. */
export async function readMeaning(
  actor: Actor,
  q: string,
): Promise<Omit<QueryMeaning, 'normal'> | { mistake: Mistake }> {
  try {
    const { described, unanswered, leavesOutSearches } = await describeAuditQuery(actor, { q })
    return { described, unanswered, leavesOutSearches }
  } catch (error) {
    if (!isAppError(error) || error.code === 'forbidden') throw error
    if (error.code === 'query_invalid') return { mistake: error.extra as Mistake }
    if (error.code === 'invalid') return { mistake: { column: 1, found: '…', expected: [error.detail] } }
    throw error
  }
}
