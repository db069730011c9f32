import { useTranslations } from 'next-intl'
import { ButtonLink } from '#components/ui/link.tsx'
import { EmptyState } from '#components/ui/states.tsx'

export default function NotFound() {
  const t = useTranslations('errors.page')
  return (
    <main id="content">
      <EmptyState
        whole
        title={t('notFound')}
        text={t('notFoundText')}
        action={<ButtonLink href="/">{t('home')}</ButtonLink>}
        className="min-h-[60dvh] justify-center"
      />
    </main>
  )
}
