import { zonedClock } from '#lib/zoned-time.ts'
import { csvCell } from '#protocol/audit/bundle-csv.ts'
import type { Viewer, WhoSaw } from './schema.ts'

type Clock = (time: string) => string

const COLUMNS: readonly (readonly [head: string, of: (viewer: Viewer, clock: Clock) => string | number])[] = [
  ['kind', ({ who }) => who.kind],
  ['id', ({ who }) => who.id ?? ''],
  ['name', ({ who }) => who.name ?? ''],
  ['email', ({ who }) => who.email ?? ''],
  ['basis', ({ basis }) => basis],
  ['first', ({ first }, clock) => clock(first)],
  ['last', ({ last }, clock) => clock(last)],
  ['devices', ({ devices }) => devices.map(({ name }) => name).join(', ')],
  ['openings', ({ counts }) => counts.views],
  ['downloads', ({ counts }) => counts.downloads],
  ['prints', ({ counts }) => counts.prints],
  ['text_copied', ({ counts }) => counts.copies],
  ['forwards', ({ counts }) => counts.forwards],
  ['handed_out', ({ counts }) => counts.handed],
  ['refused', ({ counts }) => counts.refused],
  ['captures_prevented', ({ captures }) => captures.prevented],
  ['captures_obscured', ({ captures }) => captures.obscured],
  ['captures_detected', ({ captures }) => captures.detected],
  ['captures_not_enforced', ({ captures }) => captures.none],
  ['published', ({ hasPublished }) => (hasPublished ? 'yes' : 'no')],
  ['seen_by_server', ({ known }) => known.server],
  ['stated_by_device', ({ known }) => known.device],
  ['stated_by_app', ({ known }) => known.app],
  ['imported', ({ known }) => known.import],
  ['late', ({ late }) => late],
  ['wrong_clock', ({ suspect }) => suspect],
]

/** Everybody of the answer as CSV (RFC 4180, UTF-8 with its mark), times of the zone; no cell is a formula. */
export function reportCsv({ viewers }: Pick<WhoSaw, 'viewers'>, timeZone: string): string {
  const zoned = zonedClock(timeZone)
  const clock = (time: string) => (time === '' ? '' : zoned(Date.parse(time)))
  const lines = [
    COLUMNS.map(([head]) => head),
    ...viewers.map((viewer) => COLUMNS.map(([, of]) => csvCell(String(of(viewer, clock))))),
  ]
  // Without the mark, spreadsheets take Chinese names for Latin ones.
  return `\ufeff${lines.map((cells) => `${cells.join(',')}\r\n`).join('')}`
}
