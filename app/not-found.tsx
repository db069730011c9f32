import { useTranslations } from 'next-intl'
import { ButtonLink } from '#components/ui/link.tsx'
import { EmptyState } from '#components/ui/states.tsx'

export default function NotFound() {
  const t = useTranslations('errors.page')
  return (
    <EmptyState
      title={t('notFound')}
      text={t('notFoundText')}
      action={<ButtonLink href="/">{t('home')}</ButtonLink>}
      className="min-h-[60dvh] justify-center"
    />
  )
}
