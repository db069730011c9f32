'use client'

import { useTranslations } from 'next-intl'

/** An audit action in the reader's words; one that this page does not know keeps its name. */
export function useActionWord(): (action: string) => string {
  const t = useTranslations('actions')
  return (action) => {
    // Keys of messages hold no dots.
    const key = action.replaceAll('.', '-') as Parameters<typeof t>[0]
    return t.has(key) ? t(key) : action
  }
}
