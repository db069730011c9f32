import { NextIntlClientProvider } from 'next-intl'
import { getMessages } from 'next-intl/server'
import type { ReactNode } from 'react'
import type { Area } from '#messages/en.ts'

const everywhere: Area[] = ['common', 'shell', 'errors']

/**
 * Sends the named message areas to the client components inside, with those every page needs. Sending all of them
 * would put the whole catalogue into every page's HTML.
 */
export async function ClientMessages({ areas = [], children }: { areas?: Area[]; children: ReactNode }) {
  const all = await getMessages()
  const chosen = Object.fromEntries([...everywhere, ...areas].map((area) => [area, all[area]]))
  return <NextIntlClientProvider messages={chosen}>{children}</NextIntlClientProvider>
}
