'use client'

import { useTranslations } from 'next-intl'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Code } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { InviteState } from '../actions.ts'

type Props = { link: NonNullable<InviteState['link']>; lasts: 'week' | 'day' }

/** A one-time link, shown this once. */
export function OneTimeLink({ link, lasts }: Props) {
  const t = useTranslations('people')
  return (
    <div>
      <Notice tone="ok" announce>
        {link.mailed ? t('link.mailed') : t(`link.once.${lasts}`)}
      </Notice>
      <div className="my-3">
        <Code>{link.url}</Code>
      </div>
      <div className="flex flex-wrap gap-2">
        <CopyButton value={link.url} label={t('link.copy')} />
        {link.personId && <ButtonLink href={`/people/${link.personId}`}>{t('link.toPerson')}</ButtonLink>}
      </div>
    </div>
  )
}
