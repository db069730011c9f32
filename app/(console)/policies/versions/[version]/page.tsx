import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { pageActor } from '#server/http/session.ts'
import { isPermitted } from '#server/kernel/actor.ts'
import { getPolicy } from '#server/policies/queries.ts'
import { ChangeList } from '../../_components/change-list.tsx'
import { versionOrNotFound } from '../../_version.ts'

type Props = { params: Promise<{ version: string }> }

export default async function VersionPage({ params }: Props) {
  const [actor, t, { version: named }] = await Promise.all([pageActor(), getTranslations('policies'), params])
  if (!isPermitted(actor, 'policies:read')) redirect('/policies')
  const [shown, current] = await Promise.all([
    versionOrNotFound(actor, named),
    getPolicy(actor, { policyId: actor.tenantId }),
  ])
  const { version, note, publishedAt, publishedBy, changes } = shown
  const isCurrent = version === current.version
  const restorable = !isCurrent && isPermitted(actor, 'policies:write')
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/policies' }, { label: t('versionPage.title', { version }) }]}
      title={t('versionPage.title', { version })}
      sub={
        <>
          {t('history.published')} <Time value={publishedAt} />{' '}
          {publishedBy && t('history.by', { name: publishedBy.name })}
        </>
      }
      actions={
        restorable && <ButtonLink href={`/policies/versions/${version}/restore`}>{t('history.restore')}…</ButtonLink>
      }
      width="narrow"
    >
      {note && <p className="mb-3">{note}</p>}
      {isCurrent && (
        <p className="mb-3">
          <Tag tone="ok">{t('versionPage.same')}</Tag>
        </p>
      )}
      <Card clip>
        <Panel title={version > 1 ? t('versionPage.changes', { before: version - 1 }) : t('versionPage.first')} />
        {version > 1 && <ChangeList changes={changes} label={t('review.changes')} />}
      </Card>
    </Page>
  )
}
