import { cookies, headers } from 'next/headers'
import { getRequestConfig } from 'next-intl/server'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import { LOCALE_COOKIE, pickLocale, pickTimeZone, TIME_ZONE_COOKIE } from './locales.ts'

const catalogue = { en, zh }

export default getRequestConfig(async () => {
  const [jar, head] = await Promise.all([cookies(), headers()])
  const locale = pickLocale(jar.get(LOCALE_COOKIE)?.value, head.get('accept-language'))
  return {
    locale,
    messages: catalogue[locale],
    timeZone: pickTimeZone(jar.get(TIME_ZONE_COOKIE)?.value),
    now: new Date(),
  }
})
