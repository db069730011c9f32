import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { pageSignedIn, parkedSessions } from '#server/http/session.ts'
import { getFactor, listSessions } from '#server/identity/queries.ts'
import type { FactorView } from '#server/identity/schema.ts'
import { PasswordForm } from './_components/password-form.tsx'
import { SessionList } from './_components/session-list.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('auth'))('account.title') }
}

/** One's own sign-in: second factor, password, places, organisations. */
export default async function AccountPage() {
  const t = await getTranslations('auth')
  const { actor, organisation } = await pageSignedIn()
  const [factor, sessions, parked] = await Promise.all([
    getFactor(actor, {}),
    listSessions(actor, {}),
    parkedSessions(),
  ])
  return (
    <Page
      crumbs={[{ label: organisation.name }, { label: t('account.title') }]}
      title={actor.name}
      sub={actor.email}
      width="narrow"
    >
      <div className="flex flex-col gap-4">
        <Card>
          <SecondFactor factor={factor} />
        </Card>
        <Card>
          <Panel title={t('account.sessions')}>
            <SessionList sessions={sessions} />
          </Panel>
        </Card>
        <Card>
          <Panel title={t('account.password')}>
            <PasswordForm />
          </Panel>
        </Card>
        <Card>
          <Panel
            title={t('account.organisations')}
            aside={<ButtonLink href="/sign-in?add=1">{t('account.add')}</ButtonLink>}
          >
            <ul aria-label={t('account.organisations')}>
              <li>
                {organisation.name} <Tag>{t('account.present')}</Tag>
              </li>
              {parked.map(({ signedIn }) => (
                <li key={signedIn.organisation.id}>{signedIn.organisation.name}</li>
              ))}
            </ul>
          </Panel>
        </Card>
      </div>
    </Page>
  )
}

async function SecondFactor({ factor }: { factor: FactorView }) {
  const t = await getTranslations('auth')
  if (!factor.enrolled) {
    return (
      <Panel title={t('account.factor')}>
        <Notice className="mb-3">
          {t('account.noFactor')} {factor.deadline && <Time value={factor.deadline} />}
        </Notice>
        <ButtonLink href="/sign-in/enrol?next=/account" variant="primary">
          {t('enrol.begin')}
        </ButtonLink>
      </Panel>
    )
  }
  return (
    <Panel title={t('account.factor')} aside={<Tag tone="ok">{t('account.factorOn')}</Tag>}>
      <p className="mb-3">
        {t('account.since')} <Time value={factor.enrolledAt} precision="day" /> ·{' '}
        {t('account.codesLeft', { count: factor.recoveryCodesLeft })}
      </p>
      <div className="flex flex-wrap gap-2">
        <ButtonLink href="/account/recovery-codes">{t('account.newCodes')}…</ButtonLink>
        <ButtonLink href="/account/remove-factor">{t('account.remove')}…</ButtonLink>
      </div>
    </Panel>
  )
}
