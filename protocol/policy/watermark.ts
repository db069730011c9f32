/** What a watermark's template may name. */
export const WATERMARK_PLACEHOLDERS = ['name', 'email', 'time', 'device', 'organisation'] as const

export type WatermarkPlaceholder = (typeof WATERMARK_PLACEHOLDERS)[number]

export const WATERMARK_MAX_LENGTH = 120

export const DEFAULT_WATERMARK = '{name} · {time} · {device}'

const NAMES = WATERMARK_PLACEHOLDERS.join('|')

/** Text and known placeholders; no stray brace, nothing that controls, reorders, hides or is no character. */
export const WATERMARK_PATTERN = new RegExp(
  `^(?=.*\\S)(?:[^{}\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]|\\{(?:${NAMES})\\})+$`,
  'u',
)

const UNPAINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu

/** `device`: the device's code (`deviceCode`), short enough to be read off a photograph. */
export type WatermarkValues = {
  name: string
  email: string
  time: Date
  device: string
  organisation: string
}

/** The placeholders that `template` names, each once, in the order of the list. */
export function watermarkPlaceholders(template: string): WatermarkPlaceholder[] {
  return WATERMARK_PLACEHOLDERS.filter((name) => template.includes(`{${name}}`))
}

/** Why `template` is refused, in words, or null. */
export function watermarkFault(template: string): string | null {
  if (template.trim() === '') return 'must not be empty'
  if (template.length > WATERMARK_MAX_LENGTH) return `must have at most ${WATERMARK_MAX_LENGTH} characters`
  if (WATERMARK_PATTERN.test(template)) return null
  const unknown = [...template.matchAll(/\{([^{}]*)\}/g)].find(([, name]) => !isPlaceholder(name))
  const known = WATERMARK_PLACEHOLDERS.map((name) => `{${name}}`).join(' ')
  return unknown
    ? `has no placeholder ${unknown[0].replace(UNPAINTABLE, '')}; known are ${known}`
    : `may hold visible text and ${known} only`
}

function isPlaceholder(name: string | undefined): boolean {
  return WATERMARK_PLACEHOLDERS.some((known) => known === name)
}

/** `2026-01-31 09:14 UTC`: one zone for everybody, named, so that a photograph can be held against the log. */
export function formatWatermarkTime(time: Date): string {
  const iso = time.toISOString()
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}

/** Eight characters for a device's id, such as `7F3A-09C1`: from the id's random end, found again by the console's search. */
export function deviceCode(deviceId: string): string {
  const end = deviceId.replaceAll('-', '').slice(-8).toUpperCase()
  return `${end.slice(0, 4)}-${end.slice(4)}`
}

/**
 * The text that is painted into every page. A value is never read as a template again, and loses what would control or
 * reorder the line.
 */
export function renderWatermark(template: string, values: WatermarkValues): string {
  const texts: Record<WatermarkPlaceholder, string> = { ...values, time: formatWatermarkTime(values.time) }
  return template.replace(new RegExp(`\\{(${NAMES})\\}`, 'g'), (_whole, name: WatermarkPlaceholder) =>
    texts[name].replace(UNPAINTABLE, ' ').trim(),
  )
}
