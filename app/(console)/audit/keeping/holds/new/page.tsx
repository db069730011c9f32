import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTimeZone, getTranslations } from 'next-intl/server'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { type PageParams, pickParams } from '#lib/search-params.ts'
import { HOLD_KINDS } from '#server/audit/schema.ts'
import { pageActor } from '#server/http/session.ts'
import { pickablePeople } from '../../../../files/_people.ts'
import { HoldForm } from '../../_components/hold-form.tsx'
import { addHold } from '../../actions.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keeping'))('place.title') }
}

/** `?kind=` and what it is about: another page may lead here with `targetId` or `q` filled in. */
export default async function NewHoldPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const [actor, t, timeZone, params] = await Promise.all([
    pageActor(),
    getTranslations('keeping'),
    getTimeZone(),
    searchParams,
  ])
  if (!actor.permissions.has('audit:export')) redirect('/audit/keeping')
  const {
    kind: asked,
    targetId,
    q,
    from,
    to,
  } = pickParams(params, { kind: null, targetId: null, q: null, from: null, to: null })
  const kind = HOLD_KINDS.find((known) => known === asked)
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/audit/keeping' }, { label: t('place.title') }]}
      title={t('place.title')}
      sub={t('place.sub')}
      width="narrow"
    >
      {kind ? (
        <HoldForm
          action={addHold.bind(null, kind, timeZone)}
          kind={kind}
          people={kind === 'person' ? await pickablePeople(actor) : []}
          timeZone={timeZone}
          given={{ targetId: targetId ?? '', q: q ?? '', from: from ?? '', to: to ?? '' }}
        />
      ) : (
        <>
          <h2 className="mt-4 mb-2 text-ink-2">{t('place.kind')}</h2>
          <div className="flex flex-wrap gap-2">
            {HOLD_KINDS.map((name) => (
              <ButtonLink key={name} href={`/audit/keeping/holds/new?kind=${name}`}>
                {t(`place.kinds.${name}`)}
              </ButtonLink>
            ))}
          </div>
        </>
      )}
    </Page>
  )
}
