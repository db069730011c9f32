import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { Time } from '#components/ui/time.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { pickParams } from '#lib/search-params.ts'
import { listEnrollmentCodes, type OpenEnrollmentCode } from '#server/devices/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { readEnv } from '#server/kernel/env.ts'
import { listPeople } from '#server/people/queries.ts'
import { browserEnrolment } from '#server/policies/queries.ts'
import { ActForm } from '../_components/act-form.tsx'
import { CodeForm } from '../_components/code-form.tsx'
import type { Ways } from '../_components/code-shown.tsx'
import { revokeCode } from '../actions.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('devices'))('enrol.title') }
}

export default async function NewDevicePage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const t = await getTranslations('devices')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: t('title'), href: '/devices' }, { label: t('enrol.title') }]
  const missing = (['devices:write', 'people:read'] as const).find((permission) => !actor.permissions.has(permission))
  if (missing) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission={missing} />
      </Page>
    )
  }
  const { person } = pickParams(await searchParams, { person: null })
  const [{ items }, codes, browsers] = await Promise.all([
    listPeople(actor, { limit: 200, sort: 'name' }),
    listEnrollmentCodes(actor, {}),
    browserEnrolment(actor, {}),
  ])
  const people = items
    .filter(({ status }) => status !== 'suspended')
    .map(({ id, name, email }) => ({ value: id, label: name, hint: email }))
  return (
    <Page crumbs={crumbs} title={t('enrol.title')} sub={t('enrol.sub')} width="narrow">
      <LiveRefresh url="/api/live?topics=enrollment_code,device" />
      <CodeForm people={people} personId={person} ways={waysIn(browsers)} />
      {codes.length > 0 && <OpenCodes codes={codes} />}
    </Page>
  )
}

function waysIn(browsers: Ways['browsers']): Ways {
  const { url, gatewayUrl, tls } = readEnv()
  return { gatewayUrl, ownCa: !tls, browsers, isLocal: new URL(url).hostname === 'localhost' }
}

async function OpenCodes({ codes }: { codes: OpenEnrollmentCode[] }) {
  const t = await getTranslations('devices')
  return (
    <Card className="mt-6">
      <Panel title={t('enrol.waiting')}>
        <ul>
          {codes.map(({ id, person, expiresAt, createdBy }, index) => (
            <li key={id} className="flex flex-wrap items-center gap-2 border-b border-line py-1.5 last:border-0">
              <span className="min-w-0 flex-1 basis-48">
                {person.name}{' '}
                <span className="text-ink-2">
                  · {t.rich('enrol.until', { by: createdBy, time: () => <Time value={expiresAt} /> })}
                </span>
              </span>
              <ActForm
                action={revokeCode.bind(null, id)}
                label={t('enrol.revoke')}
                about={t('enrol.revokeOne', { number: index + 1, person: person.name })}
              />
            </li>
          ))}
        </ul>
      </Panel>
    </Card>
  )
}
