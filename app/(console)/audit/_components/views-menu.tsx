'use client'

import { useRouter } from 'next/navigation'
import { useTimeZone, useTranslations } from 'next-intl'
import { useState } from 'react'
import { keepPreference } from '#components/shell/preference-cookie.ts'
import { Button } from '#components/ui/button.tsx'
import { Menu, MenuItem, MenuLine } from '#components/ui/menu.tsx'
import type { SavedView } from '#server/audit/schema.ts'
import { paramsOfView } from '../_saved-views.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { ManageViews } from './manage-views.tsx'
import { useNameWords } from './pseudonym.tsx'
import { SaveView } from './save-view.tsx'

type Props = { views: readonly SavedView[]; params: AuditParams; canRemoveShared: boolean }

/** Searches that somebody keeps: one's own and the shared ones; to open, to make and to tidy up. */
export function ViewsMenu({ views, params, canRemoveShared }: Props) {
  const t = useTranslations('audit')
  const [dialog, setDialog] = useState<'save' | 'manage' | null>(null)
  const open = useOpenView()
  const nameWords = useNameWords()
  const here = auditHref(params)
  const close = () => setDialog(null)
  return (
    <>
      <Menu label={t('views.label')} trigger={<Button>{t('views.label')}</Button>}>
        {views.map((view) => (
          <MenuItem key={view.id} onSelect={() => open(view)}>
            <span aria-hidden className="mr-1 inline-block w-3">
              {auditHref(paramsOfView(view)) === here && '✓'}
            </span>
            {view.name}
            {!view.isOwn && <span className="text-ink-3"> · {nameWords(view.ownerName)}</span>}
            {view.isOwn && view.isShared && <span className="text-ink-3"> · {t('views.shared')}</span>}
          </MenuItem>
        ))}
        {views.length > 0 && <MenuLine />}
        <MenuItem onSelect={() => setDialog('save')}>{t('views.save')}</MenuItem>
        {views.length > 0 && <MenuItem onSelect={() => setDialog('manage')}>{t('views.manage')}</MenuItem>}
      </Menu>
      <SaveView isOpen={dialog === 'save'} onClose={close} params={params} />
      <ManageViews isOpen={dialog === 'manage'} onClose={close} views={views} canRemoveShared={canRemoveShared} />
    </>
  )
}

/** A view that keeps a time zone changes the one of this browser, as choosing it does. */
function useOpenView() {
  const router = useRouter()
  const zone = useTimeZone()
  return (view: SavedView) => {
    const isOtherZone = view.timeZone !== undefined && view.timeZone !== zone
    if (isOtherZone) keepPreference('timeZone', view.timeZone ?? '')
    router.push(auditHref(paramsOfView(view)), { scroll: false })
    if (isOtherZone) router.refresh()
  }
}
