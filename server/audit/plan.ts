import 'server-only'
import { formatQuery, type QueryNode } from '#protocol/audit/query.ts'
import { matchesQuery } from '#protocol/audit/query-match.ts'
import { parseQuery, QueryError } from '#protocol/audit/query-parse.ts'
import { type PlanNode, queryPlan } from '#protocol/audit/query-plan.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Candidate } from './scan.ts'

/** A question ready to be asked of the index. */
export type Plan = {
  query: QueryNode
  normal: string
  /** Everything that matches, and perhaps more. */
  candidates: PlanNode
  /** Only what matches; the same as `candidates` where the index decides everything. */
  certain: PlanNode
  isExact: boolean
  matches: (candidate: Candidate) => boolean
}

/** One search reads its text several times, and its pages, figures and facets read it again. */
const MOST_READ = 100
const known = new Map<string, QueryNode>()

/** @throws AppError query_invalid with the column and what was expected there */
export function readQuery(q: string): QueryNode {
  try {
    const query = known.get(q) ?? parseQuery(q)
    if (known.size >= MOST_READ) known.clear()
    known.set(q, query)
    return query
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
    query,
    normal: formatQuery(query),
    candidates,
    certain: exact ? candidates : certain,
    isExact: exact,
    // Two words may share a hash: what is shown is always read again.
    matches: ({ entry, personal }) => matchesQuery(query, entry, personal),
  }
}
