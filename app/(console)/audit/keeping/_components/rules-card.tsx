import { getTranslations } from 'next-intl/server'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { ButtonLink, Link } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { KEEPING_CLASSES, type RetentionView } from '#server/audit/schema.ts'
import { changedRules, periodWords } from '../_period.ts'

export async function RulesCard({ retention, mayChange }: { retention: RetentionView; mayChange: boolean }) {
  const t = await getTranslations('keeping')
  const { rules, request } = retention
  return (
    <Card>
      <Panel title={t('rules.title')}>
        <dl>
          {KEEPING_CLASSES.map((name) => (
            <div key={name} className="flex justify-between gap-x-4 border-b border-line py-1.5 last:border-0">
              <dt className="min-w-0">
                {t(`class.${name}`)} <span className="block text-ink-3">{t(`classText.${name}`)}</span>
              </dt>
              <dd className="shrink-0 tabular-nums">{periodWords(t, rules[name])}</dd>
            </div>
          ))}
        </dl>
        {request && (
          <Notice className="mt-3">
            {t('rules.asked', { name: request.requestedBy, rules: changedRules(t, rules, request.rules) })} (
            {t(`rules.state.${request.state}`)}) <Link href="/approvals">{t('rules.decide')}</Link>
          </Notice>
        )}
      </Panel>
      <CardFoot>
        {mayChange ? (
          <ButtonLink href="/audit/keeping/retention">{t('rules.change')}…</ButtonLink>
        ) : (
          <p className="text-ink-3">{t('rules.needsAdmin')}</p>
        )}
      </CardFoot>
    </Card>
  )
}
