import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { Time } from '#components/ui/time.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { getKeys, getTenant } from '#server/tenants/queries.ts'
import { BrakeForm } from './_components/brake-form.tsx'
import { KeysPanel } from './_components/keys-panel.tsx'
import { PrivacyPanel } from './_components/privacy-panel.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('settings'))('title') }
}

export default async function SettingsPage() {
  const { actor, organisation } = await pageSignedIn()
  const t = await getTranslations('settings')
  const frame = { crumbs: [{ label: organisation.name }, { label: t('title') }], title: t('title'), sub: t('sub') }
  if (!actor.permissions.has('admin')) {
    return (
      <Page {...frame}>
        <NotPermitted permission="admin" />
      </Page>
    )
  }
  const [tenant, keys] = await Promise.all([getTenant(actor, {}), getKeys(actor, {})])
  return (
    <Page {...frame} width="narrow">
      <Panel title={t('organisation.title')}>
        <DefinitionList
          items={[
            { term: t('organisation.name'), value: tenant.name },
            { term: t('organisation.id'), value: <Mono>{tenant.id}</Mono> },
            { term: t('organisation.created'), value: <Time value={tenant.createdAt} precision="minute" /> },
          ]}
        />
      </Panel>
      <Panel title={t('brake.title')}>
        <p className="mb-4 text-ink-2">{t('brake.intro')}</p>
        <BrakeForm settings={tenant.settings.brake} />
      </Panel>
      <PrivacyPanel askReason={tenant.settings.privacy.askReason} />
      <KeysPanel keys={keys} />
    </Page>
  )
}
