import 'server-only'
import { createHash } from 'node:crypto'
import { purgedBy } from '#protocol/audit/purge-certificate.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { tileReader } from '../tree.ts'
import { AlteredEntry, addLeaves, type PurgeRow } from './certificate.ts'
import type { Situation } from './gathering.ts'
import { eachExpired } from './plan.ts'
import { asRecorded, type PlannedPurge } from './purge-record.ts'
import { type ExpiredEntry, toMultirange, toRanges } from './remove.ts'
import { purgeBefore } from './rules.ts'
import type { KeepingClass } from './schema.ts'

/** What of a purge its certificate says. */
type Said = Pick<PurgeRow, 'class' | 'days' | 'removed' | 'events' | 'firstAt' | 'lastAt' | 'leaves'>

function said({ class: name, days, removed, events, firstAt, lastAt, leaves }: Said): string {
  return JSON.stringify([name, days, toMultirange(removed), events, firstAt, lastAt, leaves])
}

/** Whether the row is what was planned: whoever owns the database can write another. */
export function isAsPlanned(row: PurgeRow, planned: PlannedPurge): boolean {
  return said(row) === said(asRecorded(planned))
}

/** `changed`: by other rules or holds, it would be another; `contradicted`: by none. */
export type Again = 'same' | 'changed' | 'contradicted' | { altered: number }

/**
 * Looks again at what a purge that this process did not plan says it removes: the log's key signs for nothing else than what has
 * expired and nobody holds, by the entries' own texts.
 */
export async function planAgain(situation: Situation, purge: PurgeRow): Promise<Again> {
  const { tenantId, rules, holds, signed, head } = situation
  // What is none has no rule.
  const name = purge.class as KeepingClass
  const before = purgeBefore(rules[name], now())
  if (rules[name] !== purge.days || before === null) return 'changed'
  const [from, end] = [purge.removed[0]?.from ?? 0, purge.removed.at(-1)?.to ?? 0]
  const after = { index: from - 1, at: purge.firstAt }
  const isNamed = purgedBy([purge])
  const hash = createHash('sha256')
  const going: Pick<ExpiredEntry, 'index' | 'at'>[] = []
  try {
    const expired = { tenantId, class: name, before, size: signed.size, holds, after, texts: true }
    for await (const { entries, isHeld } of eachExpired(expired)) {
      const named = entries.filter(({ index }) => isNamed(index))
      if (named.some(({ index }) => isHeld(index))) return 'changed'
      await pgTransaction('reader', tenantId, (_client, sql) => addLeaves(hash, named, tileReader(sql, tenantId, head)))
      for (const { index, at } of named) going.push({ index, at })
      if ((entries.at(-1)?.index ?? 0) >= end - 1) break
    }
  } catch (error) {
    if (error instanceof AlteredEntry) return { altered: error.index }
    throw error
  }
  const [first, last] = [going[0], going.at(-1)]
  if (!first || !last) return 'contradicted'
  const removed = toRanges(going.map(({ index }) => index))
  const again = {
    ...purge,
    removed,
    events: going.length,
    firstAt: first.at,
    lastAt: last.at,
    leaves: hash.digest('hex'),
  }
  return said(again) === said(purge) ? 'same' : 'contradicted'
}
