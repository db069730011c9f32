import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import type { Sql } from '#server/kernel/db.ts'
import { Indexer } from '#server/kernel/ledger-index.ts'
import { readStored, type StoredEntry } from '../stored.ts'
import { indexTransaction, insertBlock, insertPostings, insertRun, removeIndex } from './maintenance.ts'
import { packMissing } from './merge.ts'
import { endOf, type LogShape, NEVER, type RunHead, readShape } from './runs.ts'

const READ_AT_ONCE = 1_024
/**
 * Characters of personal values in one run: each word of them takes a hundred bytes meanwhile. Usual blocks have less; of a block that
 * is nearly all text several runs are made, as an append does.
 */
const RUN_TEXT = 16 * 1_024 * 1_024

/**
 * Builds the index of entries `from` to `to` (excluded) anew from what is kept of them: after a purge, an erasure, or when it was
 * found to be wrong. Widens to whole runs and blocks. Answers false when another process is at this organisation's index.
 */
export async function reindex(
  tenantId: string,
  from: number,
  to: number,
  options: RebuildOptions = {},
): Promise<boolean> {
  for (let at = from; at < to; ) {
    const next = await indexTransaction(tenantId, async (sql) => {
      const shape = await readShape(sql, tenantId)
      // What is in the archive has no index.
      const place = Math.max(at, shape?.coldTo ?? 0)
      if (!shape || place >= to) return to
      const extent = extentAround(shape, place)
      await rebuildExtent(sql, tenantId, extent, options)
      return extent.to
    })
    if (next === null) return false
    at = next
  }
  return true
}

type Extent = { from: number; to: number }
/** `runText`: characters of personal values in one run, about. */
type RebuildOptions = { runText?: number }

/** The same inside a transaction that has the index to itself; no run may reach out of the extent. */
export async function rebuildExtent(
  sql: Sql,
  tenantId: string,
  { from, to }: Extent,
  { runText = RUN_TEXT }: RebuildOptions = {},
): Promise<void> {
  await removeIndex(sql, tenantId, from, to)
  for (let block = from; block < to; block = nextBlock(block))
    await rebuildBlock(sql, tenantId, { from: block, to: Math.min(to, nextBlock(block)) }, runText)
}

/** Ranges without an index, from the end of what is in the archive on: what was recorded before there was one, or what somebody removed. */
export function gapsOf(runs: readonly RunHead[], size: number, coldTo = 0): Extent[] {
  const gaps: Extent[] = []
  let reached = coldTo
  for (const run of runs) {
    if (run.at > reached) gaps.push({ from: reached, to: run.at })
    reached = Math.max(reached, endOf(run))
  }
  if (reached < size) gaps.push({ from: reached, to: size })
  return gaps
}

function nextBlock(index: number): number {
  return (Math.floor(index / BLOCK) + 1) * BLOCK
}

/** The run that holds an index; without one what lies bare around it, at most a block. */
function extentAround({ runs, size, coldTo }: LogShape, index: number): Extent {
  const run = runs.find((candidate) => candidate.at <= index && endOf(candidate) > index)
  if (run) return { from: run.at, to: endOf(run) }
  const before = runs.findLast((candidate) => endOf(candidate) <= index)
  const after = runs.find((candidate) => candidate.at > index)
  const blockStart = Math.floor(index / BLOCK) * BLOCK
  return {
    from: Math.max(blockStart, before ? endOf(before) : coldTo),
    to: Math.min(nextBlock(index), after?.at ?? size, size),
  }
}

type Kept = { index: number; entry: AuditEntry; personal: Personal | undefined; recordedAt: Date }

/** Entry by entry, so that no more of their texts is held at once than goes into one run. */
async function rebuildBlock(sql: Sql, tenantId: string, { from, to }: Extent, runText: number): Promise<void> {
  let [start, text] = [from, 0]
  let kept: Kept[] = []
  for (let next = from; next < to; ) {
    const stored = await readStored(sql, tenantId, { from: next, to, limit: READ_AT_ONCE })
    for (const each of stored) {
      const length = each.personal?.length ?? 0
      if (text > 0 && text + length > runText) {
        await insertBuilt(sql, tenantId, { from: start, to: each.index }, kept)
        ;[start, text, kept] = [each.index, 0, []]
      }
      kept.push(...readKeptEntry(each))
      text += length
    }
    const last = stored.at(-1)
    if (!last) break
    next = last.index + 1
  }
  await insertBuilt(sql, tenantId, { from: start, to }, kept)
}

async function insertBuilt(sql: Sql, tenantId: string, { from, to }: Extent, kept: readonly Kept[]): Promise<void> {
  const entries = to - from
  const indexer = new Indexer(tenantId)
  for (const { index, entry, personal } of kept)
    indexer.add(index - from, entry, personal, Date.parse(entry.occurredAt))
  const { bits, rows, times } = indexer.indexed(entries)
  const present = new Set(kept.map(({ index }) => index - from))
  const missing = Array.from({ length: entries }, (_, place) => place).filter((place) => !present.has(place))
  const [first, last] = [kept[0], kept.at(-1)]
  await insertRun(sql, tenantId, {
    at: from,
    entries,
    bits,
    whole: missing.length === 0,
    recordedFrom: first?.recordedAt ?? NEVER,
    recordedTo: last?.recordedAt ?? NEVER,
  })
  await insertPostings(sql, tenantId, from, rows)
  await insertBlock(sql, tenantId, { at: from, entries, times, missing: packMissing(missing, entries) })
}

/** What is no JSON any more cannot be searched; verification names it. */
function readKeptEntry({ index, text, personal, recordedAt }: StoredEntry): Kept[] {
  try {
    const entry = JSON.parse(text) as AuditEntry
    return [
      {
        index,
        entry,
        personal: personal === null ? undefined : (JSON.parse(personal) as Personal),
        recordedAt,
      },
    ]
  } catch {
    return []
  }
}
