import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getFormatter, getTranslations } from 'next-intl/server'
import { FactList } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { getRetention, previewKeeping } from '#server/audit/queries.ts'
import {
  isShorter,
  KEEPING_CLASSES,
  MIN_RETENTION_DAYS,
  type PurgePreview,
  type RetentionRules,
} from '#server/audit/schema.ts'
import { pageActor } from '#server/http/session.ts'
import { getTenant } from '#server/tenants/queries.ts'
import { RetentionForm } from '../../_components/retention-form.tsx'
import { figure, periodWords, readPeriods } from '../../_period.ts'
import { changeRetention } from '../../actions.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keeping'))('retention.title') }
}

export default async function ReviewPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const [actor, t, params] = await Promise.all([pageActor(), getTranslations('keeping'), searchParams])
  if (!actor.permissions.has('admin')) redirect('/audit/keeping')
  const [{ rules }, next] = [await getRetention(actor, {}), readPeriods(params)]
  const problem = problemOf(rules, next)
  const frame = {
    crumbs: [
      { label: t('title'), href: '/audit/keeping' },
      { label: t('rules.change'), href: '/audit/keeping/retention' },
    ],
    title: t('retention.reviewTitle'),
  }
  if (problem || !next)
    return (
      <Page {...frame} width="narrow">
        <Notice tone="danger" className="mb-4">
          {t(`retention.${problem ?? 'wrong'}`, { min: MIN_RETENTION_DAYS })}
        </Notice>
        <ButtonLink href="/audit/keeping/retention">{t('retention.back')}</ButtonLink>
      </Page>
    )
  const isIrreversible = isShorter(rules, next)
  const [preview, { settings }] = await Promise.all([previewKeeping(actor, { rules: next }), getTenant(actor, {})])
  const seconds = settings.brake.undoSeconds
  const undo = t(actor.founder ? 'retention.undoAlone' : 'retention.undoApproval', { seconds })
  const changes = KEEPING_CLASSES.map((name) => {
    const [before, after] = [periodWords(t, rules[name]), periodWords(t, next[name])]
    const text = before === after ? t('retention.unchanged', { before }) : t('retention.change', { before, after })
    return { title: t(`class.${name}`), text }
  })
  return (
    <Page {...frame} width="narrow">
      <FactList
        items={[
          ...changes,
          { title: t('retention.effect'), text: await effect(preview) },
          ...(isIrreversible ? [{ title: t('retention.undo'), text: undo }] : []),
        ]}
      />
      <RetentionForm action={changeRetention.bind(null, next, isIrreversible)} isShorter={isIrreversible} />
    </Page>
  )
}

function problemOf(now: RetentionRules, next: RetentionRules | null): 'wrong' | 'same' | null {
  if (next === null) return 'wrong'
  if (KEEPING_CLASSES.some((name) => (next[name] ?? MIN_RETENTION_DAYS) < MIN_RETENTION_DAYS)) return 'wrong'
  return KEEPING_CLASSES.every((name) => now[name] === next[name]) ? 'same' : null
}

async function effect({ goes, kept, partial, holds }: PurgePreview): Promise<string> {
  const [t, format] = await Promise.all([getTranslations('keeping'), getFormatter()])
  const gone =
    goes === 0
      ? t('retention.effectNone')
      : t('retention.effectGoes', { count: figure(t, goes, partial), number: goes })
  const names = format.list(holds.map(({ name }) => name))
  return kept === 0
    ? gone
    : `${gone} ${t('retention.effectKept', { kept, keptCount: figure(t, kept, partial), holds: names })}`
}
