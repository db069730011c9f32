import { languages, preferenceCookies, type Theme } from '#components/shell/preference-cookie.ts'

export type Locale = (typeof languages)[number]['locale']

export const LOCALE_COOKIE = preferenceCookies.locale
export const TIME_ZONE_COOKIE = preferenceCookies.timeZone
export const THEME_COOKIE = preferenceCookies.theme

/** The theme a cookie names; anything else follows the system. */
export function parseTheme(value: string | undefined): Theme {
  return value === 'light' || value === 'dark' ? value : 'system'
}

/** True for a language the console speaks. */
export function isLocale(value: string | undefined): value is Locale {
  return languages.some(({ locale }) => locale === value)
}

/** Picks the language: the person's choice, else the browser's order of preference (RFC 9110 §12.5.4), else English. */
export function pickLocale(choice: string | undefined, acceptLanguage: string | null): Locale {
  if (isLocale(choice)) return choice
  const preferred = parseAcceptLanguage(acceptLanguage ?? '').find((tag) => isLocale(primarySubtag(tag)))
  const subtag = preferred && primarySubtag(preferred)
  return isLocale(subtag) ? subtag : 'en'
}

/** An IANA zone this runtime knows, else UTC: the cookie is the browser's word and may be anything. */
export function pickTimeZone(value: string | undefined): string {
  if (!value) return 'UTC'
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone
  } catch {
    return 'UTC'
  }
}

function primarySubtag(tag: string): string {
  return tag.split('-')[0]?.toLowerCase() ?? ''
}

function parseAcceptLanguage(header: string): string[] {
  return header
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [tag = '', ...params] = part.trim().split(';')
      const quality = Number(
        params
          .find((p) => p.trim().startsWith('q='))
          ?.trim()
          .slice(2) ?? 1,
      )
      return { tag, quality: Number.isFinite(quality) ? quality : 0 }
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ tag }) => tag)
}
