import type { ReactNode } from 'react'
import { cx } from './cx.ts'

export type Tone = 'neutral' | 'ok' | 'warn' | 'danger' | 'violet'

const tones: Record<Tone, string> = {
  neutral: 'bg-sunken text-ink-2',
  ok: 'bg-ok-soft text-ok',
  warn: 'bg-warn-soft text-warn',
  danger: 'bg-danger-soft text-danger',
  violet: 'bg-violet-soft text-violet',
}

/** A word with a colour: the colour never speaks alone. */
export function Tag({
  tone = 'neutral',
  className,
  title,
  children,
}: {
  tone?: Tone
  className?: string
  title?: string
  children: ReactNode
}) {
  return (
    <span
      title={title}
      className={cx('inline-block whitespace-nowrap rounded px-1.5 text-[11px] leading-[18px]', tones[tone], className)}
    >
      {children}
    </span>
  )
}

/** A count beside a word, as in the navigation. */
export function Pill({ tone = 'neutral', children }: { tone?: 'neutral' | 'danger'; children: ReactNode }) {
  return <span className={cx('rounded-lg px-1.5 text-[11px] leading-4', tones[tone])}>{children}</span>
}
