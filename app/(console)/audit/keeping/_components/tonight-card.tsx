import { getFormatter, getTranslations } from 'next-intl/server'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { SkeletonRows } from '#components/ui/states.tsx'
import { KEEPING_CLASSES, type PurgePreview, type RetentionRules } from '#server/audit/schema.ts'
import { figure } from '../_period.ts'

/** What the next night removes and what stays because of a hold, in one sentence and by day. */
export async function TonightCard({ preview, rules }: { preview: Promise<PurgePreview>; rules: RetentionRules }) {
  const [t, counted] = await Promise.all([getTranslations('keeping'), preview])
  const { goes, partial, classes } = counted
  return (
    <Card>
      <Panel title={t('tonight.title')}>
        <p className="text-lead">{await sentence(counted, rules)}</p>
        {partial && <p className="text-ink-2">{t('tonight.partial')}</p>}
        {goes > 0 && <p className="text-ink-3">{t('tonight.when')}</p>}
        {classes.map(({ class: name, goes: gone, kept }) => (
          <p key={name} className="mt-2 flex flex-wrap justify-between gap-x-4 tabular-nums">
            <span>{t(`class.${name}`)}</span>
            <span className="text-ink-2">
              {t('tonight.gone')} {figure(t, gone, partial)} · {t('tonight.kept')} {figure(t, kept, partial)}
            </span>
          </p>
        ))}
      </Panel>
      {classes.length > 0 && (
        <CardFoot>
          <details>
            <summary className="cursor-pointer text-ink-2">{t('tonight.days')}</summary>
            {classes.map((one) => (
              <DayTable key={one.class} of={one} />
            ))}
          </details>
        </CardFoot>
      )}
    </Card>
  )
}

/** While it is being counted. */
export function CountingCard({ title }: { title: string }) {
  return (
    <Card>
      <Panel title={title}>
        <SkeletonRows rows={3} />
      </Panel>
    </Card>
  )
}

async function sentence({ goes, kept, partial, holds }: PurgePreview, rules: RetentionRules): Promise<string> {
  const [t, format] = await Promise.all([getTranslations('keeping'), getFormatter()])
  if (KEEPING_CLASSES.every((name) => rules[name] === null)) return t('tonight.forever')
  const holding = { kept, keptCount: figure(t, kept, partial), holds: format.list(holds.map(({ name }) => name)) }
  if (goes === 0) return kept === 0 ? t('tonight.none') : t('tonight.onlyKept', holding)
  const counted = { count: figure(t, goes, partial), number: goes }
  return kept === 0 ? t('tonight.goes', counted) : t('tonight.goesKept', { ...counted, ...holding })
}

/** Days of one class; the oldest backlog first. */
async function DayTable({ of }: { of: PurgePreview['classes'][number] }) {
  const t = await getTranslations('keeping')
  return (
    <table className="mt-3 w-full tabular-nums">
      <caption className="pb-1 text-left font-semibold">{t(`class.${of.class}`)}</caption>
      <thead className="text-ink-3">
        <tr>
          <th className="text-left font-normal">{t('tonight.day')} (UTC)</th>
          <th className="text-right font-normal">{t('tonight.gone')}</th>
          <th className="text-right font-normal">{t('tonight.kept')}</th>
        </tr>
      </thead>
      <tbody>
        {of.days.map(({ day, goes, kept }) => (
          <tr key={day} className="border-t border-line">
            <td>{day}</td>
            <td className="text-right">{t('count', { count: goes })}</td>
            <td className="text-right">{t('count', { count: kept })}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
