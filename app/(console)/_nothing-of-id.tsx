'use client'

import { usePathname } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { ButtonLink } from '#components/ui/link.tsx'
import { EmptyState } from '#components/ui/states.tsx'
import { isUuid } from '#lib/uuid.ts'
import { NothingHere } from '../_nothing-here.tsx'

/** An address names something by its id that is not here: what the log has about it is one step away. */
export function NothingOfId({ canSearch }: { canSearch: boolean }) {
  const t = useTranslations('errors.page')
  const parts = usePathname().split('/')
  const id = parts.find(isUuid)
  if (!id || !canSearch) return <NothingHere />
  const isEvent = parts[1] === 'audit' && parts[2] === id
  return (
    <EmptyState
      whole
      title={t(isEvent ? 'noEvent' : 'noId')}
      text={t(isEvent ? 'noEventText' : 'noIdText')}
      action={
        isEvent ? (
          <>
            <ButtonLink href="/audit">{t('allEvents')}</ButtonLink>
            <ButtonLink href="/audit/keeping">{t('keeping')}</ButtonLink>
          </>
        ) : (
          <>
            <ButtonLink href={`/audit?q=${id}`}>{t('search')}</ButtonLink>
            <ButtonLink href="/">{t('home')}</ButtonLink>
          </>
        )
      }
      className="min-h-[60dvh] justify-center"
    />
  )
}
