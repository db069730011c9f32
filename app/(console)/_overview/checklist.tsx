import { Check } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { cx } from '#components/ui/cx.ts'
import { ButtonLink } from '#components/ui/link.tsx'
import type { Overview } from './load.ts'
import { type Step, stepsOf } from './steps.ts'

/** What a new organisation has yet to do, until its first device is enrolled. The next step has the button. */
export function Checklist({ overview }: { overview: Overview }) {
  const t = useTranslations('overview.start')
  const steps = stepsOf(overview)
  const next = steps.find(({ done }) => !done)
  return (
    <Card className="mb-4">
      <Panel title={t('title')} aside={<Progress steps={steps} />}>
        <p className="mb-2 text-ink-2">{t('text')}</p>
        <ol>
          {steps.map((step) => (
            <Line key={step.key} step={step} isNext={step === next} />
          ))}
        </ol>
      </Panel>
    </Card>
  )
}

function Progress({ steps }: { steps: Step[] }) {
  const t = useTranslations('overview.start')
  const done = steps.filter((step) => step.done).length
  return <span className="text-ink-2">{t('progress', { done, all: steps.length })}</span>
}

function Line({ step: { key, done, href }, isNext }: { step: Step; isNext: boolean }) {
  const t = useTranslations('overview.start')
  return (
    <li className="flex min-h-11 items-center gap-3 border-line border-t py-1.5 first:border-0">
      <span
        aria-hidden
        className={cx(
          'grid size-5 shrink-0 place-items-center rounded-full border',
          done ? 'border-ok bg-ok-soft text-ok' : 'border-line-strong',
        )}
      >
        {done && <Check className="size-3.5" />}
      </span>
      <span className={cx('min-w-0 flex-1', done && 'text-ink-2')}>
        {t(`step.${key}`)}
        <span className="sr-only">{` — ${t(done ? 'done' : 'open')}`}</span>
      </span>
      {!done && (
        <ButtonLink href={href} variant={isNext ? 'primary' : 'default'}>
          {t(`action.${key}`)}
        </ButtonLink>
      )}
    </li>
  )
}
