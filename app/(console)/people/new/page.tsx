import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { ROLES, roleWithin } from '#server/people/schema.ts'
import { InviteForm } from '../_components/invite-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('people'))('new.title') }
}

export default async function NewPersonPage() {
  const t = await getTranslations('people')
  const { actor, organisation } = await pageSignedIn()
  const roles = ROLES.filter((role) => roleWithin(role, [...actor.permissions])).reverse()
  return (
    <Page
      crumbs={[{ label: organisation.name }, { label: t('title'), href: '/people' }, { label: t('new.title') }]}
      title={t('new.title')}
      sub={t('new.sub')}
      width="narrow"
    >
      {actor.permissions.has('people:write') ? (
        <InviteForm roles={roles} />
      ) : (
        <NotPermitted permission="people:write" />
      )}
    </Page>
  )
}
