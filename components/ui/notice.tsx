import type { ReactNode } from 'react'
import { cx } from './cx.ts'

type NoticeTone = 'warn' | 'danger' | 'ok' | 'neutral'

const tones: Record<NoticeTone, string> = {
  warn: 'border-warn bg-warn-soft',
  danger: 'border-danger bg-danger-soft',
  ok: 'border-ok bg-ok-soft',
  neutral: 'border-line-strong bg-sunken',
}

/** What a person must know before going on. `announce` for what appears while they are here. */
export function Notice({
  tone = 'warn',
  announce = false,
  className,
  children,
}: {
  tone?: NoticeTone
  announce?: boolean
  className?: string
  children: ReactNode
}) {
  return (
    <div
      role={announce ? 'alert' : undefined}
      className={cx('rounded-r-control border-l-3 px-3 py-2', tones[tone], className)}
    >
      {children}
    </div>
  )
}
