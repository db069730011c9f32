import type { messages } from '#messages/en.ts'
import type { Locale } from './locales.ts'

// A mistyped message key does not compile.
declare module 'next-intl' {
  interface AppConfig {
    Locale: Locale
    Messages: typeof messages
  }
}
