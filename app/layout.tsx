import './globals.css'
import type { Metadata, Viewport } from 'next'
import { cookies } from 'next/headers'
import { getLocale, getTranslations } from 'next-intl/server'
import { type ReactNode, Suspense } from 'react'
import { FLASH_COOKIE } from '#components/form/flash.ts'
import { RememberTimeZone } from '#components/shell/preferences.tsx'
import { Toaster } from '#components/ui/toaster.tsx'
import { ClientMessages } from '../i18n/client-messages.tsx'
import { parseTheme, THEME_COOKIE, TIME_ZONE_COOKIE } from '../i18n/locales.ts'

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations('shell')
  return {
    title: { default: 'Gatehouse', template: '%s · Gatehouse' },
    description: t('description'),
    robots: { index: false },
  }
}

export const viewport: Viewport = {
  width: 'device-width',
  initialScale: 1,
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#ffffff' },
    { media: '(prefers-color-scheme: dark)', color: '#1a1b19' },
  ],
}

const languageTags = { en: 'en', zh: 'zh-Hans' } as const

export default async function RootLayout({ children }: { children: ReactNode }) {
  const [locale, jar] = await Promise.all([getLocale(), cookies()])
  const theme = parseTheme(jar.get(THEME_COOKIE)?.value)
  return (
    // The theme menu changes the attribute before React hears of it.
    <html lang={languageTags[locale]} data-theme={theme === 'system' ? undefined : theme} suppressHydrationWarning>
      <body>
        <ClientMessages>
          {children}
          <Suspense>
            <Toaster flashCookie={FLASH_COOKIE} theme={theme} />
          </Suspense>
          <RememberTimeZone known={jar.has(TIME_ZONE_COOKIE)} />
        </ClientMessages>
      </body>
    </html>
  )
}
