import { useTranslations } from 'next-intl'
import { getTranslations } from 'next-intl/server'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonLink, Link } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { whoSaw } from '#server/audit/queries.ts'
import type { WhoSaw } from '#server/audit/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { auditHref } from '../../../../audit/search-params.ts'
import { answerOf } from '../_answer.ts'
import type { Period } from '../_period.ts'
import { CoverageCard } from './coverage-card.tsx'
import { HowCounted } from './how-counted.tsx'
import { SealForm } from './seal-form.tsx'
import { ViewersTable } from './viewers-table.tsx'

/** A page waits this long; the sealed report counts to the end. */
const BUDGET_MS = 15_000

type Props = { actor: PersonActor; fileId: string; period: Period }

export async function Answer({ actor, fileId, period: { from, to } }: Props) {
  const t = await getTranslations('whoSaw')
  const answer = await whoSaw(actor, { fileId, from, to }, { budgetMs: BUDGET_MS })
  const isWhole = answer.coverage.gaps.length === 0
  const mayFollow = (permission: 'people:read' | 'devices:read') =>
    !answer.isMasked && actor.permissions.has(permission)
  return (
    <>
      <Notice tone={isWhole ? 'ok' : 'warn'} className="mb-4">
        <h2 className="sr-only">{t('answer.label')}</h2>
        <p className="text-lead font-semibold">{answerOf(t, answer)}</p>
        <Lineage answer={answer} />
      </Notice>
      <div className="mb-4 flex flex-wrap items-center gap-2">
        <SealForm
          fileId={fileId}
          period={{ from, to }}
          refused={actor.permissions.has('audit:export') ? null : t('seal.cannot')}
        />
        <ButtonLink href={auditHref({ q: answer.q, sort: '-time', ...(from && { from }), ...(to && { to }) })}>
          {t('events')}
        </ButtonLink>
      </div>
      <Card clip>
        <Panel title={t('table.label')} />
        <ViewersTable answer={answer} hasLinks={mayFollow('people:read')} />
      </Card>
      <CoverageCard coverage={answer.coverage} hasLinks={mayFollow('devices:read')} />
      <HowCounted />
    </>
  )
}

function Lineage({ answer: { copies, names, file, root } }: { answer: WhoSaw }) {
  const t = useTranslations('whoSaw')
  const others = names.filter((name) => name !== file.name)
  return (
    <p className="text-ink-2">
      {root.id !== file.id &&
        t.rich('isCopy', {
          root: () => (
            <Link href={`/files/${root.id}/who-saw`} className="underline">
              {root.name}
            </Link>
          ),
        })}{' '}
      {t('sub', { copies })} {others.length > 0 && t('alsoCalled', { names: others.join(', ') })}
    </p>
  )
}
