'use client'

import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Button } from '../ui/button.tsx'

/** What can be done with the ticked rows. */
export function SelectionBar({
  count,
  onClear,
  children,
}: {
  count: number
  onClear: () => void
  children: ReactNode
}) {
  const t = useTranslations('common')
  return (
    <div className="mb-2 flex flex-wrap items-center gap-2 rounded-card border border-line bg-accent-soft px-3 py-1.5">
      <span role="status" className="flex-1 font-medium">
        {t('table.selected', { count })}
      </span>
      {children}
      <Button variant="ghost" onClick={onClear}>
        {t('table.clearSelection')}
      </Button>
    </div>
  )
}
