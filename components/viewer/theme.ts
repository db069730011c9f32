import type { ViewerTheme } from '../../viewer/protocol.ts'

/** The one in which the page is drawn now: chosen by the person, or by the system. */
export function currentTheme(): ViewerTheme {
  return getComputedStyle(document.documentElement).colorScheme.includes('dark') ? 'dark' : 'light'
}

/** @returns ends the listening */
export function onThemeChange(follow: (theme: ViewerTheme) => void): () => void {
  const bySystem = matchMedia('(prefers-color-scheme: dark)')
  const tell = () => follow(currentTheme())
  const byPerson = new MutationObserver(tell)
  byPerson.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  bySystem.addEventListener('change', tell)
  return () => {
    byPerson.disconnect()
    bySystem.removeEventListener('change', tell)
  }
}
