import type { PolicyValue } from '#protocol/policy/diff.ts'
import { WATERMARK_MAX_LENGTH, WATERMARK_PLACEHOLDERS } from '#protocol/policy/watermark.ts'

/** Every setting of the document by path, in the order of the page; each has a message `policies.field.<path>`. */
export const POLICY_PATHS = [
  'data.screenshot.mode',
  'data.forward.mode',
  'data.forward.internalDomains',
  'data.forward.askReason',
  'data.download.mode',
  'data.print.mode',
  'data.copy.mode',
  'data.watermark.mode',
  'data.watermark.template',
  'devices.maxPerPerson',
  'devices.minAppVersion.agent',
  'devices.minAppVersion.ios',
  'devices.minAppVersion.android',
  'devices.minAppVersion.windows',
  'devices.minAppVersion.macos',
  'devices.minAppVersion.linux',
  'devices.minAppVersion.browser',
  'devices.offlineHours',
  'devices.approval',
  'devices.browser.enrol',
  'devices.browser.offlineContent',
  'signIn.secondFactor.mode',
  'signIn.secondFactor.from',
  'signIn.secondFactor.graceDays',
] as const

export type PolicyPath = (typeof POLICY_PATHS)[number]

export function isPolicyPath(path: string): path is PolicyPath {
  return POLICY_PATHS.some((known) => known === path)
}

const WORDS = [
  'allow',
  'log',
  'block',
  'internal',
  'ask_reason',
  'auto',
  'manual',
  'on',
  'off',
  'from',
  'now',
  'yes',
  'no',
] as const
export type PolicyWord = (typeof WORDS)[number]

/** A value as a person reads it: a word of the messages, or the text itself. */
export function shownValue(
  path: string,
  value: PolicyValue,
): { word: PolicyWord | 'none' | 'any' | 'unmarked' } | { text: string } {
  if (typeof value === 'boolean') return { word: value ? 'yes' : 'no' }
  if (path === 'data.watermark.mode' && value === 'off') return { word: 'unmarked' }
  if (value === undefined || value === null) return { word: path === 'signIn.secondFactor.from' ? 'none' : 'any' }
  if (typeof value === 'object') return value.length === 0 ? { word: 'none' } : { text: value.join(', ') }
  const word = WORDS.find((known) => known === value)
  if (word) return { word }
  return { text: path === 'signIn.secondFactor.from' ? String(value).slice(0, 10) : String(value) }
}

/** What the messages about a watermark's template name. */
export const TEMPLATE_LIMITS = {
  placeholders: WATERMARK_PLACEHOLDERS.map((name) => `{${name}}`).join(' '),
  limit: WATERMARK_MAX_LENGTH,
}

/** The settings of each operation, loosest first. */
export const DATA_MODES = {
  screenshot: ['allow', 'log', 'block'],
  forward: ['allow', 'internal', 'block'],
  download: ['allow', 'ask_reason', 'block'],
  print: ['allow', 'block'],
  copy: ['allow', 'block'],
} as const satisfies Record<string, readonly PolicyWord[]>

export type Operation = keyof typeof DATA_MODES
export const OPERATIONS = Object.keys(DATA_MODES) as Operation[]
