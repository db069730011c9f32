import 'server-only'
import { formatQuery, type QueryNode } from '#protocol/audit/query.ts'
import { matchesQuery } from '#protocol/audit/query-match.ts'
import { parseQuery, QueryError } from '#protocol/audit/query-parse.ts'
import { type PlanNode, queryPlan } from '#protocol/audit/query-plan.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Candidate } from './scan.ts'

/** A question ready to be asked of the index. The plans are JSON for `audit_search` and its siblings. */
export type Plan = {
  normal: string
  candidates: string
  /** Null where every candidate matches: nothing needs its text. */
  certain: string | null
  /** The candidates that are not certain. */
  doubtful: string | null
  matches: (candidate: Candidate) => boolean
}

/** @throws AppError query_invalid with the column and what was expected there */
export function readQuery(q: string): QueryNode {
  try {
    return parseQuery(q)
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    const { column, found, expected } = error
    throw new AppError('query_invalid', {
      detail: error.message,
      fields: { q: error.message },
      extra: { column, found, expected },
      cause: error,
    })
  }
}

/** @throws AppError query_invalid */
export function planOf(q: string, tenantId: string): Plan {
  const query = readQuery(q)
  const { candidates, certain, exact } = queryPlan(query, tenantId)
  return {
    normal: formatQuery(query),
    candidates: planJson(candidates),
    certain: exact ? null : planJson(certain),
    doubtful: exact ? null : planJson(without(candidates, certain)),
    // Two words may share a hash: what is shown is always read again.
    matches: ({ entry, personal }) => matchesQuery(query, entry, personal),
  }
}

function without(candidates: PlanNode, certain: PlanNode): PlanNode {
  if (certain.kind === 'none') return candidates
  return { kind: 'and', items: [candidates, { kind: 'not', item: certain }] }
}

/** Hashes as text: JSON numbers do not hold 64 bits. */
function planJson(plan: PlanNode): string {
  return JSON.stringify(plan, (name, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : name === 'term' ? undefined : value,
  )
}
