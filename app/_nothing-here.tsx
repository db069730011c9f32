import { useTranslations } from 'next-intl'
import { ButtonLink } from '#components/ui/link.tsx'
import { EmptyState } from '#components/ui/states.tsx'

/** What is asked for does not exist, or not for whoever asks. */
export function NothingHere() {
  const t = useTranslations('errors.page')
  return (
    <EmptyState
      whole
      title={t('notFound')}
      text={t('notFoundText')}
      action={<ButtonLink href="/">{t('home')}</ButtonLink>}
      className="min-h-[60dvh] justify-center"
    />
  )
}
