'use client'

import { X } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { isCovered, isTyping, usePageKeys } from '#components/shell/hotkeys.ts'
import { ButtonLink } from '#components/ui/link.tsx'

/** Back to the list alone; Escape does the same wherever it has nothing nearer to close. */
export function CloseEvent({ href }: { href: string }) {
  const t = useTranslations('audit')
  const router = useRouter()
  usePageKeys((event) => {
    if (event.key !== 'Escape' || isTyping(event.target) || isCovered()) return false
    router.push(href, { scroll: false })
    return true
  })
  return (
    <ButtonLink size="small" variant="ghost" href={href} scroll={false} aria-label={t('event.close')}>
      <X aria-hidden className="size-4" />
    </ButtonLink>
  )
}
