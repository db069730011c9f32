import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { cx } from './cx.ts'

export type Step = { key: string; title: ReactNode; detail?: ReactNode; state: 'done' | 'now' | 'todo' | 'failed' }

const looks: Record<Step['state'], string> = {
  done: 'border-ok text-ink',
  now: 'border-warn text-ink',
  failed: 'border-danger text-ink',
  todo: 'border-line-strong text-ink-3',
}

/** Where a long affair stands, as a bar; on a phone one under the other. The state is said in words to screen readers. */
export function Steps({ steps, label }: { steps: Step[]; label: string }) {
  const t = useTranslations('common')
  return (
    <ol aria-label={label} className="my-2.5 flex gap-1 max-sm:flex-col max-sm:gap-2">
      {steps.map((step) => (
        <li
          key={step.key}
          aria-current={step.state === 'now' ? 'step' : undefined}
          className={cx(
            'flex-1 border-t-3 pt-1.5 text-[11px] leading-5 max-sm:border-t-0 max-sm:border-l-3 max-sm:pt-0 max-sm:pl-2.5 max-sm:text-body',
            looks[step.state],
          )}
        >
          <span className="block">
            {step.title}
            <span className="sr-only">{` — ${t(`step.${step.state}`)}`}</span>
          </span>
          {step.detail && <span className="block">{step.detail}</span>}
        </li>
      ))}
    </ol>
  )
}
