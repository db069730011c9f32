import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { personCan, ROLES, roleWithin } from '#server/people/schema.ts'
import { RoleForm } from '../../_components/role-form.tsx'
import { personOr404 } from '../../_person.ts'

export default async function RolePage({ params }: { params: Promise<{ id: string }> }) {
  const t = await getTranslations('people')
  const [{ actor, organisation }, { id }] = await Promise.all([pageSignedIn(), params])
  const person = await personOr404(actor, id)
  const permissions = [...actor.permissions]
  if (personCan.changeRole(person, { personId: actor.personId, permissions }) !== true) redirect(`/people/${id}`)
  const crumbs = [
    { label: organisation.name },
    { label: t('title'), href: '/people' },
    { label: person.name, href: `/people/${id}` },
    { label: t('act.role') },
  ]
  return (
    <Page crumbs={crumbs} title={t('roleOf', { name: person.name })} width="narrow">
      <RoleForm id={id} role={person.role} roles={ROLES.filter((role) => roleWithin(role, permissions))} />
    </Page>
  )
}
