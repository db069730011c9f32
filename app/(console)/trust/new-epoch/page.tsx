import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { FactList } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { EmptyState, NotPermitted } from '#components/ui/states.tsx'
import { getEpochChoice } from '#server/audit/queries.ts'
import type { EpochChoice } from '#server/audit/schema.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { EpochForm } from './epoch-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('trust'))('newEpoch.title') }
}

/** What a new epoch would give up, counted; then the reason and the second factor. */
export default async function NewEpochPage() {
  const t = await getTranslations('trust')
  const audit = await getTranslations('audit')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [
    { label: organisation.name },
    { label: audit('trust.title'), href: '/trust' },
    { label: t('newEpoch.title') },
  ]
  if (!actor.permissions.has('admin')) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="admin" />
      </Page>
    )
  }
  const choice = await getEpochChoice(actor, {})
  if (!choice.isNeeded) {
    return (
      <Page crumbs={crumbs}>
        <EmptyState
          whole
          title={t('newEpoch.notNeeded')}
          text={t('newEpoch.notNeededText')}
          action={<ButtonLink href="/trust">{t('newEpoch.back')}</ButtonLink>}
        />
      </Page>
    )
  }
  return (
    <Page crumbs={crumbs} title={t('newEpoch.title')} width="narrow">
      <p className="mb-3 text-ink-2">{t('newEpoch.intro')}</p>
      <Consequences choice={choice} />
      <div className="mt-4">
        <EpochForm />
      </div>
    </Page>
  )
}

async function Consequences({ choice: { state, heldSize, publishedSize } }: { choice: EpochChoice }) {
  const t = await getTranslations('trust.newEpoch')
  const lost = publishedSize - heldSize
  return (
    <FactList
      items={[
        { title: t('held', { size: heldSize }), text: t('published', { size: publishedSize }) },
        {
          title: state === 'behind' && lost > 0 ? t('given', { count: lost }) : t('unknown'),
          text: t('stays'),
        },
      ]}
    />
  )
}
