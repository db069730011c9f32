import type { DetailText } from '#protocol/audit/personal.ts'
import { isPolicyPath, shownValue } from '../policies/_components/policy-text.ts'

/** What an entry keeps as text, as a person reads it: a word of the policy's messages, a role, a moment…, or the text itself. */
export type ShownText =
  | { word: Extract<ReturnType<typeof shownValue>, { word: unknown }>['word'] }
  | { role: string }
  | { state: string }
  /** A period; null is for ever, of the archive never. */
  | { days: number | null }
  | { at: Date }
  | { seconds: number }
  /** A code of ours: `of` is the member that it stands in. */
  | { of: CodedName; code: string }
  | { text: string }

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
/** How the log writes that a setting has no value. */
const UNSET = 'none'
/** Whose periods the log writes as “90 days”, “after 90 days”, “for ever” and “never”. */
const PERIODS = ['control', 'access', 'activity', 'archive']
const PERIOD = /^(?:(?:after )?(\d+) days|for ever|never)$/

/** Members whose values are codes of ours, with words in the messages of the log or of the page they belong to. */
const CODED = [
  'scope',
  'type',
  'method',
  'problem',
  'code',
  'purpose',
  'result',
  'status',
  'platform',
  'kind',
  'phase',
  'audience',
] as const
export type CodedName = (typeof CODED)[number]
const CODE = /^[a-z][a-z0-9_+-]*$/

/** One entry of the detail; a list is as many as it has, an empty one says so. What others state (`isOurs` false) has no codes of ours. */
export function shownDetail(name: string, value: DetailText, isOurs = true): ShownText[] {
  if (typeof value === 'string') return [shownText(name, value, isOurs)]
  return value.length === 0 ? [{ word: 'none' }] : value.map((text) => shownText(name, text, isOurs))
}

function shownText(name: string, text: string, isOurs: boolean): ShownText {
  if (text === 'true' || text === 'false') return { word: text === 'true' ? 'yes' : 'no' }
  if (isPolicyPath(name)) return shownValue(name, text === UNSET ? undefined : text)
  if (MOMENT.test(text)) return { at: new Date(text) }
  const period = PERIODS.includes(name) ? PERIOD.exec(text) : null
  if (period) return { days: period[1] === undefined ? null : Number(period[1]) }
  if (name === 'role') return { role: text }
  if (name === 'state') return { state: text }
  const of = isOurs && CODE.test(text) ? CODED.find((known) => known === name) : undefined
  if (of) return { of, code: text }
  return name === 'leaseSeconds' && /^\d{1,9}$/.test(text) ? { seconds: Number(text) } : { text }
}
