'use client'

import { useTranslations } from 'next-intl'
import { toast } from 'sonner'
import { Button } from '#components/ui/button.tsx'
import { Menu, MenuItem } from '#components/ui/menu.tsx'
import { type AuditParams, auditHref, withFixedTimes } from '../search-params.ts'

/** The address of this search, as it is (“the last 7 days”) or with the times that this means today. */
export function LinkMenu({ params }: { params: AuditParams }) {
  const t = useTranslations('audit')
  const common = useTranslations('common')
  async function copy(href: string) {
    try {
      await navigator.clipboard.writeText(new URL(href, window.location.origin).href)
      toast.success(common('copied'))
    } catch {
      toast.error(common('copyFailed'))
    }
  }
  return (
    <Menu label={t('link.label')} trigger={<Button>{t('link.label')}</Button>}>
      <MenuItem onSelect={() => void copy(auditHref(params))}>{t('link.copy')}</MenuItem>
      <MenuItem
        onSelect={() => void copy(auditHref(withFixedTimes(params, new Date())))}
        disabledReason={params.to ? t('link.isFixed') : null}
      >
        {t('link.copyFixed')}
      </MenuItem>
    </Menu>
  )
}
