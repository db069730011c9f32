import type { useTranslations } from 'next-intl'
import { formatTime, zoneOffset } from '#components/ui/time-format.ts'
import type { Viewer, WhoSaw } from '#server/audit/schema.ts'

/** The translator of the area `whoSaw`. */
export type Words = ReturnType<typeof useTranslations<'whoSaw'>>

/** The answer in one sentence. "Nobody else" only where nothing is lacking. */
export function answerOf(
  t: Words,
  { opened, viewers, coverage }: Pick<WhoSaw, 'opened' | 'viewers' | 'coverage'>,
): string {
  const { gaps, period } = coverage
  const words = gaps.map(({ kind, count }) => t(`gap.${kind}`, { count })).join(t('gap.join'))
  const answer = gaps.length === 0 ? t('answer.complete', { opened }) : t('answer.incomplete', { opened, gaps: words })
  const handed = viewers.filter(({ basis }) => basis === 'handed').length
  const text = handed > 0 ? `${answer} ${t('answer.handed', { count: handed })}` : answer
  return period.from || period.to ? t('answer.in', { text }) : text
}

/** What somebody is called. */
export function nameOf(t: Words, { kind, name, id }: Viewer['who']): string {
  if (kind === 'api_key') return t('who.key', { name: name ?? id ?? '' })
  if (kind === 'device') return t('who.device', { name: name ?? id ?? '' })
  return name ?? id ?? t('who.unnamed')
}

const KNOWN = ['server', 'device', 'app', 'import'] as const
const CAPTURES = ['prevented', 'obscured', 'detected', 'none'] as const

/** Who states it, by how many events. */
export function knownOf(t: Words, { known }: Pick<Viewer, 'known'>): string[] {
  return KNOWN.filter((kind) => known[kind] > 0).map((kind) => t(`known.${kind}`, { count: known[kind] }))
}

/** Attempts to capture with what was enforced. */
export function capturesOf(t: Words, { captures }: Pick<Viewer, 'captures'>): string[] {
  return CAPTURES.filter((kind) => captures[kind] > 0).map((kind) => t(`capture.${kind}`, { count: captures[kind] }))
}

/** A moment on the clock of a zone, with how far that is from UTC. */
export function timeText(value: string, locale: string, timeZone: string): string {
  const at = new Date(value)
  return `${formatTime(at, { locale, timeZone, precision: 'second' })} ${zoneOffset(at, timeZone)}`
}

/** `41–57, 60` out of ranges. */
export function rangesText(ranges: readonly { from: number; to: number }[]): string {
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')
}
