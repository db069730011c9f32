'use client'

import { usePathname, useSearchParams } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useEffect } from 'react'
import { Toaster as Sonner, toast } from 'sonner'

/** Where toasts appear, and the sentence a redirect left behind in the cookie named `flashCookie`. */
export function Toaster({ flashCookie, theme }: { flashCookie: string; theme: 'light' | 'dark' | 'system' }) {
  const t = useTranslations('common')
  const place = `${usePathname()}?${useSearchParams()}`
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new place is what may carry a new sentence
  useEffect(() => {
    const sentence = takeCookie(flashCookie)
    if (sentence) toast.success(sentence)
  }, [place, flashCookie])
  return (
    <Sonner
      theme={theme}
      position="bottom-right"
      containerAriaLabel={t('toast.region')}
      toastOptions={{ classNames: toastClasses }}
    />
  )
}

const toastClasses = {
  toast: '!rounded-card !border-line !bg-surface !text-ink !shadow-pop !font-sans !text-body',
  description: '!text-ink-2',
}

function takeCookie(name: string): string | null {
  const pair = document.cookie.split('; ').find((entry) => entry.startsWith(`${name}=`))
  if (!pair) return null
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in Firefox ESR and on plain HTTP
  document.cookie = `${name}=; path=/; max-age=0; samesite=lax`
  try {
    return decodeURIComponent(pair.slice(name.length + 1)).slice(0, 300)
  } catch {
    return null
  }
}
