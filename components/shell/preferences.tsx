'use client'

import { useRouter } from 'next/navigation'
import { useLocale, useTranslations } from 'next-intl'
import { useEffect } from 'react'
import { keepPreference, languages } from './preference-cookie.ts'

/** Changes the language of this browser and draws the page again. */
export function useChooseLanguage() {
  const router = useRouter()
  return (locale: string) => {
    keepPreference('locale', locale)
    router.refresh()
  }
}

export function LanguageLinks() {
  const current = useLocale()
  const t = useTranslations('shell')
  const choose = useChooseLanguage()
  return (
    <fieldset aria-label={t('preferences')} className="flex gap-1">
      {languages.map(({ locale, name }) => (
        <button
          key={locale}
          type="button"
          lang={locale}
          aria-pressed={locale === current}
          onClick={() => choose(locale)}
          className="min-h-6 rounded-control px-2 py-1 text-ink-2 hover:bg-sunken aria-pressed:font-semibold aria-pressed:text-ink"
        >
          {name}
        </button>
      ))}
    </fieldset>
  )
}

/** Tells the server this browser's time zone once, so that times are drawn in it; until then they are in UTC and say so. */
export function RememberTimeZone({ known }: { known: boolean }) {
  const router = useRouter()
  useEffect(() => {
    if (known) return
    keepPreference('timeZone', Intl.DateTimeFormat().resolvedOptions().timeZone)
    router.refresh()
  }, [known, router])
  return null
}
