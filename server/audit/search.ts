import 'server-only'
import { formatTime } from '#lib/time.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { countMatches } from './count-matches.ts'
import { findPage, type Place } from './find-page.ts'
import { planOf } from './plan.ts'
import { boundsOf, type Opened } from './scan.ts'
import type { Ask, SearchResult } from './schema.ts'
import { inTime } from './statement-limit.ts'
import { viewEvent } from './view.ts'

/** A page gives up after this and says how far it came; the cursor goes on from there. */
const PAGE_BUDGET_MS = 2_000

type Page = { order: 'newest' | 'oldest'; cursor?: string | undefined; limit: number }

/** One page of a search and its total. @throws AppError query_invalid · invalid · unavailable */
export async function search(sql: Sql, tenantId: string, ask: Ask & Page & Opened): Promise<SearchResult> {
  const plan = planOf(ask.q, tenantId)
  const place = ask.cursor === undefined ? null : readCursor(ask.cursor, ask.order)
  const bounds = await boundsOf(sql, tenantId, ask)
  if (!bounds) return { items: [], nextCursor: null, searchedBackTo: null, total: { value: 0, capped: false } }
  return inTime(async () => {
    const found = await findPage(sql, { tenantId, plan, ask, bounds, place, budgetMs: PAGE_BUDGET_MS })
    const whole = place === null && found.next === null
    const here = found.items.length
    const counted = whole ? { value: here, capped: false } : await countMatches(sql, { tenantId, plan, ask, bounds })
    return {
      items: found.items.map(viewEvent),
      nextCursor: found.next && formatCursor(found.next, ask.order),
      searchedBackTo: found.searchedTo === null ? null : formatTime(found.searchedTo),
      // What stands on this page is there, however far the count came in its moment.
      total: { ...counted, value: Math.max(counted.value, here) },
    }
  })
}

function formatCursor({ after, time }: Place, order: Page['order']): string {
  return Buffer.from(`${order}.${after ?? ''}.${time}`).toString('base64url')
}

/** @throws AppError invalid on a cursor that is not ours, or of a search in the other order */
function readCursor(cursor: string, order: Page['order']): Place {
  const [, direction, after, time] =
    /^(newest|oldest)\.(\d{0,15})\.(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (direction === order && time !== undefined) return { after: after ? Number(after) : null, time: Number(time) }
  throw new AppError('invalid', {
    detail: 'cursor: is not one of this search',
    fields: { cursor: 'is not one of this search' },
  })
}
