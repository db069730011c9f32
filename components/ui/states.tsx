import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { cx } from './cx.ts'

type StateProps = {
  title: ReactNode
  text?: ReactNode
  action?: ReactNode
  tone?: 'neutral' | 'danger'
  className?: string
  role?: 'alert' | 'status'
  /** The title is the page's heading: only where nothing else is on the page. */
  whole?: boolean
}

/** In place of content: what is the case, and what to do next. */
export function StateBlock({ title, text, action, tone = 'neutral', className, role, whole = false }: StateProps) {
  const Title = whole ? 'h1' : 'p'
  return (
    <div role={role} className={cx('flex flex-col items-center px-6 py-12 text-center', className)}>
      <Title className={cx('text-lead font-semibold', tone === 'danger' && 'text-danger')}>{title}</Title>
      {text && <p className="mt-1 max-w-md text-ink-2">{text}</p>}
      {action && <div className="mt-4 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  )
}

/** Nothing exists yet. Say what would be here and how it comes to be. */
export function EmptyState(props: Omit<StateProps, 'tone' | 'role'>) {
  return <StateBlock {...props} />
}

/** Loading failed. Never looks like an empty list; `requestId` is what support asks for. */
export function ErrorState({
  title,
  text,
  action,
  requestId,
  className,
  whole = false,
}: Partial<Omit<StateProps, 'tone' | 'role'>> & { requestId?: string | undefined }) {
  const t = useTranslations('common')
  return (
    <StateBlock
      role="alert"
      whole={whole}
      tone="danger"
      className={className ?? ''}
      title={title ?? t('state.failed')}
      text={
        <>
          {text ?? t('state.failedText')}
          {requestId && (
            <span className="mt-2 block font-mono text-mono">{t('state.requestId', { id: requestId })}</span>
          )}
        </>
      }
      action={action}
    />
  )
}

/** The person may not see this. Says which permission is missing and who can give it. */
export function NotPermitted({ permission, action }: { permission?: string; action?: ReactNode }) {
  const t = useTranslations('common')
  return (
    <StateBlock
      title={t('state.notPermitted')}
      text={permission ? t('state.notPermittedWhich', { permission }) : t('state.notPermittedText')}
      action={action}
    />
  )
}

/** A grey line where text will be. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cx('block h-3 animate-pulse rounded bg-sunken', className)} />
}

/** Rows on their way. */
export function SkeletonRows({ rows = 8 }: { rows?: number }) {
  const t = useTranslations('common')
  return (
    <div role="status" aria-label={t('state.loading')}>
      {Array.from({ length: rows }, (_, row) => row).map((row) => (
        <div key={row} className="flex h-[30px] items-center gap-6 border-b border-line px-2">
          <Skeleton className="w-24" />
          <Skeleton className="w-40" />
          <Skeleton className="w-32" />
        </div>
      ))}
    </div>
  )
}
