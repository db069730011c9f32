import 'server-only'
import { pgTransaction } from '#server/kernel/db.ts'
import { gettingFirst } from '#server/kernel/needed-first.ts'
import { type Found, findPage, type Place } from './find-page.ts'
import { type Plan, planOf } from './plan.ts'
import { type Candidate, logBounds } from './scan.ts'
import type { Ask } from './schema.ts'

/**
 * What to read: `q` in the search language, `from`/`to` bound when it occurred, `asOf` takes the log as it was at that size. For files of
 * the archive that have to be fetched it waits `fetchMs` (`FETCH_MS`) at a time; whom nobody waits for may have longer.
 */
export type MatchesAsk = Pick<Ask, 'q' | 'from' | 'to'> & {
  order: 'newest' | 'oldest'
  asOf?: number | undefined
  fetchMs?: number | undefined
}
/** How long somebody waits for a file of the archive that has to be fetched. */
export const FETCH_MS = 20_000

/** `at` is the place after `items`: what `after` takes to go on from there. */
export type MatchesPage = { items: Candidate[]; at: MatchesPlace }
export type MatchesPlace = Place

/** Reading forward is reading much. */
const PAGE = { newest: 1_000, oldest: 4_000 }
const PAGE_BUDGET_MS = 5_000

/**
 * Every match, in the order of the log, a page at a time: each page is a transaction of its own, so that a long reading holds
 * nothing. A page may be empty (nothing was found in the time it had) although more follow.
 * @throws AppError query_invalid
 */
export async function* eachMatch(
  tenantId: string,
  ask: MatchesAsk,
  after?: MatchesPlace,
): AsyncGenerator<MatchesPage, void> {
  const plan = planOf(ask.q, tenantId)
  const newestFirst = ask.order === 'newest'
  let place = after ?? (newestFirst && ask.asOf !== undefined ? { after: ask.asOf, time: Date.now() + 1 } : null)
  for (;;) {
    const found = await gettingFirst(ask.fetchMs ?? FETCH_MS, () => readPage(tenantId, { ask, plan, place }))
    if (!found) return
    const { asOf } = ask
    const items = asOf === undefined ? found.items : found.items.filter(({ index }) => index < asOf)
    const last = found.items.at(-1)
    const at = found.next ?? (last ? { after: last.index, time: last.recordedAt.getTime() } : place)
    if (at) yield { items, at }
    if (!found.next || items.length < found.items.length) return
    place = found.next
  }
}

type Reading = { ask: MatchesAsk; plan: Plan; place: MatchesPlace | null }

function readPage(tenantId: string, { ask, plan, place }: Reading): Promise<Found | null> {
  return pgTransaction('reader', tenantId, async (_client, sql) => {
    const bounds = await logBounds(sql, tenantId)
    const limit = PAGE[ask.order]
    return bounds && findPage(sql, { tenantId, plan, ask: { ...ask, limit }, bounds, place, budgetMs: PAGE_BUDGET_MS })
  })
}
