import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Button } from '#components/ui/button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { getRetention } from '#server/audit/queries.ts'
import { MIN_RETENTION_DAYS, MONTHLY_FROM_DAYS } from '#server/audit/schema.ts'
import { pageActor } from '#server/http/session.ts'
import { PeriodFields } from '../_components/period-fields.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keeping'))('retention.title') }
}

/** Asks for the periods; the next page shows what they do before anything is sent. */
export default async function RetentionPage() {
  const [actor, t] = await Promise.all([pageActor(), getTranslations('keeping')])
  if (!actor.permissions.has('admin')) redirect('/audit/keeping')
  const { rules } = await getRetention(actor, {})
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/audit/keeping' }, { label: t('rules.change') }]}
      title={t('retention.title')}
      sub={t('retention.sub', { min: MIN_RETENTION_DAYS, monthly: MONTHLY_FROM_DAYS })}
      width="narrow"
    >
      <form action="/audit/keeping/retention/review" className="mt-4">
        <PeriodFields rules={rules} />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" variant="primary">
            {t('retention.review')}
          </Button>
          <ButtonLink href="/audit/keeping">{t('retention.back')}</ButtonLink>
        </div>
      </form>
    </Page>
  )
}
