/** The cookies that remember how this browser likes its pages. */
export const preferenceCookies = { locale: 'locale', timeZone: 'timeZone', theme: 'theme' } as const

/** The languages of the console, by what each calls itself. English is the fallback. */
export const languages = [
  { locale: 'en', name: 'English' },
  { locale: 'zh', name: '简体中文' },
] as const

export type Theme = 'light' | 'dark' | 'system'

/** Keeps a choice of look on this browser; nothing secret, and the server draws the next page with it. */
export function keepPreference(preference: keyof typeof preferenceCookies, value: string) {
  const secure = window.location.protocol === 'https:' ? '; secure' : ''
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in Firefox ESR and on plain HTTP
  document.cookie = `${preferenceCookies[preference]}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax${secure}`
}

/** Shows the theme at once; the cookie makes the server draw it from the next page on. */
export function applyTheme(theme: Theme) {
  keepPreference('theme', theme)
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}
