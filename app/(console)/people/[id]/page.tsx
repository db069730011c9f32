import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { getPersonSignIn } from '#server/identity/queries.ts'
import { personCan } from '#server/people/schema.ts'
import { PersonActs } from '../_components/person-acts.tsx'
import { PersonDevices } from '../_components/person-devices.tsx'
import { PersonStatusTag } from '../_components/person-status.tsx'
import { RenameForm } from '../_components/rename-form.tsx'
import { personOr404 } from '../_person.ts'

type Props = { params: Promise<{ id: string }> }

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('people'))('person') }
}

export default async function PersonPage({ params }: Props) {
  const t = await getTranslations('people')
  const [{ actor, organisation }, { id }] = await Promise.all([pageSignedIn(), params])
  const list = { label: t('title'), href: '/people' }
  if (!actor.permissions.has('people:read')) {
    return (
      <Page crumbs={[{ label: organisation.name }, list]}>
        <NotPermitted permission="people:read" />
      </Page>
    )
  }
  const person = await personOr404(actor, id)
  const signIn = await getPersonSignIn(actor, { id })
  const asker = { personId: actor.personId, permissions: [...actor.permissions] }
  const renaming = personCan.update(person, asker)
  const facts = [
    { term: t('field.email'), value: person.email },
    { term: t('field.role'), value: `${t(`role.${person.role}`)}${person.founder ? ` · ${t('founder')}` : ''}` },
    {
      term: t('column.factor'),
      value: signIn.enrolledAt ? (
        <Time value={signIn.enrolledAt} precision="day" />
      ) : (
        <Tag tone="warn">{t('factor.off')}</Tag>
      ),
    },
    { term: t('sessions'), value: String(signIn.sessions) },
    { term: t('column.created'), value: <Time value={person.createdAt} precision="day" /> },
    { term: t('link.until'), value: person.invitation ? <Time value={person.invitation.expiresAt} /> : null },
  ]
  return (
    <Page
      crumbs={[{ label: organisation.name }, list, { label: person.name }]}
      title={person.name}
      sub={<PersonStatusTag status={person.status} />}
    >
      <LiveRefresh url="/api/live?topics=person,device,wipe,session" />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_340px] lg:items-start">
        <PersonDevices actor={actor} personId={person.id} />
        <Card>
          <Panel
            title={t('about')}
            aside={
              personCan.changeRole(person, asker) === true && (
                <ButtonLink size="small" href={`/people/${id}/role`}>
                  {t('act.role')}…
                </ButtonLink>
              )
            }
          >
            <DefinitionList items={facts} />
            <RenameForm
              id={person.id}
              name={person.name}
              refusal={renaming === true ? null : t(`reason.${renaming}`)}
            />
          </Panel>
          <PersonActs person={person} asker={asker} hasFactor={Boolean(signIn.enrolledAt)} sessions={signIn.sessions} />
        </Card>
      </div>
    </Page>
  )
}
