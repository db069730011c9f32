import type { getTranslations } from 'next-intl/server'
import { KEEPING_CLASSES, type RetentionRules } from '#server/audit/schema.ts'

type Words = Awaited<ReturnType<typeof getTranslations<'keeping'>>>

/** A period in words. */
export function periodWords(t: Words, days: number | null): string {
  return days === null ? t('forever') : t('days', { count: days })
}

/** What would change, in words. */
export function changedRules(t: Words, before: RetentionRules, after: RetentionRules): string {
  return KEEPING_CLASSES.filter((name) => before[name] !== after[name])
    .map((name) => `${t(`class.${name}`)} ${periodWords(t, before[name])} → ${periodWords(t, after[name])}`)
    .join('; ')
}

/** A figure that may be a lower bound. */
export function figure(t: Words, count: number, partial: boolean): string {
  return t(partial ? 'atLeast' : 'count', { count })
}

/** The rules in a query string, as the form of the page before has them: empty for ever; null when one is no number of days. */
export function readPeriods(params: Record<string, string | string[] | undefined>): RetentionRules | null {
  const values = KEEPING_CLASSES.map((name) => [name, readDays(params[name])] as const)
  if (values.some(([, days]) => days === undefined)) return null
  return Object.fromEntries(values) as RetentionRules
}

function readDays(value: string | string[] | undefined): number | null | undefined {
  const text = typeof value === 'string' ? value.trim() : ''
  if (text === '') return null
  return /^\d{1,5}$/.test(text) ? Number(text) : undefined
}
