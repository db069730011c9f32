import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { Card } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { pageActor } from '#server/http/session.ts'
import { isPermitted } from '#server/kernel/actor.ts'
import { simulatePolicy } from '#server/policies/queries.ts'

export async function generateMetadata() {
  return { title: (await getTranslations('policies.affected'))('title') }
}

/** The lists behind the figures of the forecast. */
export default async function AffectedPage() {
  const [actor, t] = await Promise.all([pageActor(), getTranslations('policies')])
  if (!isPermitted(actor, 'policies:read')) redirect('/policies')
  const { people, devices } = await simulatePolicy(actor, { policyId: actor.tenantId })
  const { withoutFactor, aboveDeviceCap } = people
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/policies' }, { label: t('affected.title') }]}
      title={t('affected.title')}
      sub={t('affected.sub')}
      width="narrow"
    >
      <Affected id="factor" title={t('affected.withoutFactor')} count={withoutFactor.count}>
        {withoutFactor.items.map(({ id, name, email }) => (
          <Row key={id} href={`/people/${id}`} name={name} detail={email} />
        ))}
      </Affected>
      <Affected id="cap" title={t('affected.aboveCap')} count={aboveDeviceCap.count}>
        {aboveDeviceCap.items.map(({ id, name, devices: count }) => (
          <Row key={id} href={`/people/${id}`} name={name} detail={t('affected.devicesOf', { count })} />
        ))}
      </Affected>
      <Affected id="below" title={t('affected.below')} count={devices.belowMinimum.count}>
        {devices.belowMinimum.items.map(({ id, name, appVersion }) => (
          <Row key={id} href={`/devices/${id}`} name={name} detail={t('affected.version', { version: appVersion })} />
        ))}
      </Affected>
    </Page>
  )
}

type AffectedProps = { id: string; title: string; count: number; children: ReactNode[] }

async function Affected({ id, title, count, children }: AffectedProps) {
  const t = await getTranslations('policies.affected')
  return (
    <section id={id} aria-labelledby={`${id}-title`} className="mb-6 scroll-mt-14">
      <h2 id={`${id}-title`} className="mb-2 text-lead font-strong">
        {title} ({count})
      </h2>
      <Card clip>{count === 0 ? <p className="px-3 py-2 text-ink-2">{t('none')}</p> : <ul>{children}</ul>}</Card>
      {count > children.length && <p className="mt-1 text-ink-2">{t('more', { shown: children.length, count })}</p>}
    </section>
  )
}

function Row({ href, name, detail }: { href: string; name: string; detail: string }) {
  return (
    <li className="flex flex-wrap gap-x-3 border-b border-line px-3 py-1.5 last:border-0">
      <Link href={href}>{name}</Link>
      <span className="text-ink-2">{detail}</span>
    </li>
  )
}
