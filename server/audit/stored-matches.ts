import 'server-only'
import { takePlaces } from '#lib/postings/bits.ts'
import type { BareClient } from '#server/kernel/copy-out.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { openCold } from './archive/cold-log.ts'
import { CopyRoom, copyPlaces, copyStretch } from './copied-rows.ts'
import { eachMatch, FETCH_MS, type MatchesAsk, type MatchesPlace } from './matches.ts'
import { type Plan, planOf } from './plan.ts'
import { RowBlock } from './row-block.ts'
import { type LogBounds, logBounds, recordedBetween, toCandidate } from './scan.ts'
import type { StoredEntry } from './stored.ts'
import { isWithin, rangeOf } from './time-range.ts'

type StoredAsk = Omit<MatchesAsk, 'order'>

/** Events in the order of the log as they are stored; `rows` are good until the block after the next is asked for. */
export type StoredMatches = { rows: RowBlock; at: MatchesPlace }

/** Rows that are copied at once, at most. */
const BLOCK_ROWS = 8_192
/** Characters of events that are gathered from the archive, about. */
const BLOCK_SIZE = 8_000_000
/** What the index is asked for one block. */
const BLOCK_BUDGET_MS = 2_000
/** One is worked on, one has come, and one is on its way. */
const ROOMS = 3

/**
 * Every match in the order of the log, for whoever writes much of it. Where everything matches, no index is asked and no event is
 * read as JSON: the log is copied, stretch by stretch. @throws AppError query_invalid
 */
export async function* eachMatchAsStored(
  tenantId: string,
  ask: StoredAsk,
  after?: MatchesPlace,
): AsyncGenerator<StoredMatches, void> {
  const plan = planOf(ask.q, tenantId)
  if (matchesEverything(plan, ask)) return yield* eachBlock(tenantId, { ask, after, copy: copyOn })
  const range = rangeOf(ask)
  // What the columns of a file say is looked at again, as on a page: they are no part of the log.
  const isMatch = (entry: StoredEntry) => {
    const candidate = toCandidate(entry)
    return plan.matches(candidate) && isWithin(candidate, range)
  }
  let place = after
  for await (const found of archived(tenantId, ask, place, isMatch)) {
    place = found.at
    yield found
  }
  for await (const { items, at } of eachMatch(tenantId, { ...ask, order: 'oldest' }, place))
    yield { rows: RowBlock.of(items), at }
}

/**
 * Everything that may match, as far as the index knows: every match, and perhaps more, for whoever looks again. No event is read as
 * JSON. At most `limit` rows at once. @throws AppError query_invalid
 */
export async function* eachCandidateAsStored(
  tenantId: string,
  ask: StoredAsk,
  limit = BLOCK_ROWS,
): AsyncGenerator<StoredMatches, void> {
  const plan = planOf(ask.q, tenantId)
  const copy: CopyBlock = async (client, tenant, { bounds, from, to, room }) => {
    const { indexes, next } = await placesOn(bounds, { plan, ask, from, to, limit })
    const months = recordedBetween(bounds.index.shape, indexes.length > 0 ? indexes : [from])
    const copied = await copyPlaces(client, tenant, { indexes, recordedFrom: months.from, recordedTo: months.to }, room)
    return { rows: copied.rows, next: copied.next ?? next }
  }
  yield* eachBlock(tenantId, { ask, after: undefined, copy })
}

function matchesEverything({ certain }: Plan, { from, to }: Pick<StoredAsk, 'from' | 'to'>): boolean {
  return certain.kind === 'all' && from === undefined && to === undefined
}

/** Copies rows between two indexes (`to` excluded) that are not archived; `next` is where to go on. */
type CopyBlock = (
  client: BareClient,
  tenantId: string,
  within: { bounds: LogBounds; from: number; to: number; room: CopyRoom | undefined },
) => Promise<{ rows: RowBlock; next: number }>

const copyOn: CopyBlock = async (client, tenantId, { bounds, from, to: end, room }) => {
  const to = Math.min(end, from + BLOCK_ROWS)
  const { from: recordedFrom, to: recordedTo } = recordedBetween(bounds.index.shape, [from, to - 1])
  return copyStretch(client, tenantId, { from, to, recordedFrom, recordedTo }, room)
}

type Blocks = { ask: StoredAsk; after: MatchesPlace | undefined; copy: CopyBlock }

async function* eachBlock(tenantId: string, { ask, after, copy }: Blocks): AsyncGenerator<StoredMatches, void> {
  const rooms = Array.from({ length: ROOMS }, () => new CopyRoom())
  for (let n = 0, place = after; ; n++) {
    const room = rooms[n % ROOMS]
    const found = await copied(tenantId, { asOf: ask.asOf, place, copy, room })
    if (found) {
      place = found.at
      yield found
      continue
    }
    const before = place
    for await (const block of archived(tenantId, ask, place)) {
      place = block.at
      yield block
    }
    if (place === before) return
  }
}

type Copying = {
  asOf: number | undefined
  place: MatchesPlace | undefined
  copy: CopyBlock
  room: CopyRoom | undefined
}

/** The block behind a place; null where it lies in the archive, or the log ends. */
function copied(tenantId: string, { asOf, place, copy, room }: Copying): Promise<StoredMatches | null> {
  return pgTransaction('reader', tenantId, async (client, sql) => {
    const bounds = await logBounds(sql, tenantId)
    const from = (place?.after ?? -1) + 1
    const to = Math.min(bounds?.size ?? 0, asOf ?? Number.POSITIVE_INFINITY)
    if (!bounds || from >= to || from < (bounds.cold?.to ?? 0)) return null
    const { rows, next } = await copy(client, tenantId, { bounds, from, to, room })
    return { rows, at: { after: next - 1, time: rows.recordedAt[rows.count - 1] ?? place?.time ?? 0 } }
  })
}

type Places = { plan: Plan; ask: StoredAsk; from: number; to: number; limit: number }

/** As many places as are copied at once, or as were found in time. */
async function placesOn({ index }: LogBounds, { plan, ask, from, to, limit }: Places) {
  const deadline = performance.now() + BLOCK_BUDGET_MS
  const indexes: number[] = []
  const steps = index.walk({ nodes: [plan.candidates], range: rangeOf(ask), newestFirst: false, from, to })
  for await (const { found, reached } of steps) {
    const [bits] = found?.sets ?? []
    if (found && bits)
      for (const place of takePlaces(bits, limit - indexes.length, 'first')) indexes.push(found.base + place)
    // What is left of this block is found again.
    if (indexes.length === limit) return { indexes, next: (indexes.at(-1) ?? reached) + 1 }
    if (performance.now() > deadline) return { indexes, next: reached + 1 }
  }
  return { indexes, next: to }
}

/** Every match behind a place that is in the archive, in one stream; nothing where the place lies behind it. */
async function* archived(
  tenantId: string,
  ask: StoredAsk,
  place: MatchesPlace | undefined,
  isMatch: (entry: StoredEntry) => boolean = () => true,
): AsyncGenerator<StoredMatches, void> {
  const cold = await pgTransaction('reader', tenantId, (_client, sql) => openCold(sql, tenantId))
  const from = (place?.after ?? -1) + 1
  const to = Math.min(cold?.to ?? 0, ask.asOf ?? Number.POSITIVE_INFINITY)
  if (!cold || from >= to) return
  const walk = { query: planOf(ask.q, tenantId).query, range: rangeOf(ask), from, to }
  let gathered: StoredEntry[] = []
  let size = 0
  for await (const { found, reached, recordedAt } of cold.matches(walk, ask.fetchMs ?? FETCH_MS)) {
    for (const entry of found) {
      if (!isMatch(entry)) continue
      gathered.push(entry)
      size += entry.text.length + (entry.personal?.length ?? 0)
    }
    // At the end of a file it is told how far it came, found or not.
    if (found.length > 0 && gathered.length < BLOCK_ROWS && size < BLOCK_SIZE) continue
    yield { rows: RowBlock.ofStored(gathered), at: { after: reached, time: recordedAt } }
    gathered = []
    size = 0
  }
}
