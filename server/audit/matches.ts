import 'server-only'
import { pgTransaction } from '#server/kernel/db.ts'
import { CopyRoom, copyStretch } from './copied-rows.ts'
import { type Plan, planOf } from './plan.ts'
import { RowBlock } from './row-block.ts'
import { type Candidate, logBounds, recordedBetween } from './scan.ts'
import type { Ask } from './schema.ts'
import { findPage } from './search.ts'

/** What to read: `q` in the search language, `from`/`to` bound when it occurred, `asOf` takes the log as it was at that size. */
export type MatchesAsk = Pick<Ask, 'q' | 'from' | 'to'> & { order: 'newest' | 'oldest'; asOf?: number | undefined }

/** `at` is the place after `items`: what `after` takes to go on from there. */
export type MatchesPage = { items: Candidate[]; at: MatchesPlace }
export type MatchesPlace = { after: number | null; time: number }

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
    const found = await pgTransaction('reader', tenantId, async (_client, sql) => {
      const bounds = await logBounds(sql, tenantId)
      if (!bounds) return null
      return findPage(sql, {
        tenantId,
        plan,
        ask: { ...ask, limit: PAGE[ask.order] },
        bounds,
        place,
        budgetMs: PAGE_BUDGET_MS,
      })
    })
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

/** The same as the events are stored; `rows` are good until the block after the next is asked for. */
export type StoredMatches = { rows: RowBlock; at: MatchesPlace }

/** Rows of a stretch that is copied at once, at most. */
const STRETCH_ROWS = 8_192
/** One is written, one has come, and one is on its way. */
const ROOMS = 3

/**
 * Every match in the order of the log, for whoever writes much of it. Where everything matches, no index is asked and no event is
 * read as JSON: the log is copied, stretch by stretch. @throws AppError query_invalid
 */
export async function* eachMatchAsStored(
  tenantId: string,
  ask: Omit<MatchesAsk, 'order'>,
  after?: MatchesPlace,
): AsyncGenerator<StoredMatches, void> {
  if (matchesEverything(planOf(ask.q, tenantId), ask)) return yield* eachStretch(tenantId, ask, after)
  for await (const { items, at } of eachMatch(tenantId, { ...ask, order: 'oldest' }, after))
    yield { rows: RowBlock.of(items), at }
}

function matchesEverything({ certain }: Plan, { from, to }: Pick<MatchesAsk, 'from' | 'to'>): boolean {
  return certain.kind === 'all' && from === undefined && to === undefined
}

async function* eachStretch(
  tenantId: string,
  ask: Omit<MatchesAsk, 'order'>,
  after?: MatchesPlace,
): AsyncGenerator<StoredMatches, void> {
  const rooms = Array.from({ length: ROOMS }, () => new CopyRoom())
  for (let n = 0, place = after; ; n++) {
    const found =
      (await copyOn(tenantId, { place, asOf: ask.asOf, room: rooms[n % ROOMS] })) ??
      (await archived(tenantId, ask, place))
    if (!found) return
    place = found.at
    yield found
  }
}

type CopyOn = { place: MatchesPlace | undefined; asOf: number | undefined; room: CopyRoom | undefined }

/** The stretch behind a place; null where it lies in the archive, or the log ends. */
function copyOn(tenantId: string, { place, asOf, room }: CopyOn): Promise<StoredMatches | null> {
  return pgTransaction('reader', tenantId, async (client, sql) => {
    const bounds = await logBounds(sql, tenantId)
    const from = (place?.after ?? -1) + 1
    const to = Math.min(bounds?.size ?? 0, asOf ?? Number.POSITIVE_INFINITY, from + STRETCH_ROWS)
    if (!bounds || from >= to || from < (bounds.cold?.to ?? 0)) return null
    const { from: recordedFrom, to: recordedTo } = recordedBetween(bounds.index.shape, [from, to - 1])
    const { rows, next } = await copyStretch(client, tenantId, { from, to, recordedFrom, recordedTo }, room)
    return { rows, at: { after: next - 1, time: rows.recordedAt[rows.count - 1] ?? place?.time ?? 0 } }
  })
}

/** The next page of what cannot be copied. */
async function archived(
  tenantId: string,
  ask: Omit<MatchesAsk, 'order'>,
  place: MatchesPlace | undefined,
): Promise<StoredMatches | null> {
  for await (const { items, at } of eachMatch(tenantId, { ...ask, order: 'oldest' }, place))
    if (items.length > 0 || at.after !== place?.after) return { rows: RowBlock.of(items), at }
  return null
}
