'use client'

import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { ReactElement, ReactNode } from 'react'
import { cx } from './cx.ts'

type Props = {
  title: ReactNode
  description?: ReactNode
  /** The element that opens it; leave out where `open` is controlled. */
  trigger?: ReactElement<Record<string, unknown>>
  open?: boolean
  onOpenChange?: (open: boolean) => void
  wide?: boolean
  children: ReactNode
}

/** A question or a short form over the page. Escape and the cross close it; the focus returns to where it was. */
export function Dialog({ title, description, trigger, open, onOpenChange, wide = false, children }: Props) {
  const t = useTranslations('common')
  return (
    <Base.Root
      {...(open === undefined ? {} : { open })}
      {...(onOpenChange && { onOpenChange: (next: boolean) => onOpenChange(next) })}
    >
      {trigger && <Base.Trigger render={trigger} />}
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-backdrop" />
        <Base.Popup
          className={cx(
            'fixed top-1/2 left-1/2 z-50 max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-card border border-line bg-surface p-5 shadow-pop',
            wide ? 'max-w-2xl' : 'max-w-md',
          )}
        >
          <div className="flex items-start gap-4">
            <Base.Title className="flex-1 text-[15px] leading-[22px] font-strong">{title}</Base.Title>
            <Base.Close
              aria-label={t('close')}
              className="-m-1 grid size-7 place-items-center rounded-control text-ink-2 hover:bg-sunken"
            >
              <X aria-hidden className="size-4" />
            </Base.Close>
          </div>
          {description && <Base.Description className="mt-0.5 text-ink-2">{description}</Base.Description>}
          <div className="mt-3">{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}

/** The buttons at the foot of a dialog or form. */
export function ButtonRow({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <div className={cx('mt-4 flex flex-wrap justify-end gap-2 max-sm:flex-col-reverse max-sm:*:w-full', className)}>
      {children}
    </div>
  )
}
