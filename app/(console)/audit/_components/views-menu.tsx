'use client'

import { useRouter } from 'next/navigation'
import { useTimeZone, useTranslations } from 'next-intl'
import { useState } from 'react'
import { keepPreference } from '#components/shell/preference-cookie.ts'
import { Button } from '#components/ui/button.tsx'
import { Menu, MenuItem, MenuLine } from '#components/ui/menu.tsx'
import type { SavedSearch, SavedView } from '#server/audit/schema.ts'
import { paramsOfView } from '../_saved-views.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { ManageViews } from './manage-views.tsx'
import { useNameWords } from './pseudonym.tsx'
import { SaveView } from './save-view.tsx'
import { useViewName } from './use-view-name.ts'

type Props = { views: readonly SavedView[]; params: AuditParams; canRemoveShared: boolean }

/** Searches that somebody keeps: one's own and the shared ones; to open, to make and to tidy up. */
export function ViewsMenu({ views, params, canRemoveShared }: Props) {
  const t = useTranslations('audit')
  const [dialog, setDialog] = useState<'save' | 'manage' | null>(null)
  const open = useOpenView()
  const nameWords = useNameWords()
  const viewName = useViewName()
  const here = auditHref(params)
  const close = () => setDialog(null)
  return (
    <>
      <Menu label={t('views.label')} trigger={<Button>{t('views.label')}</Button>}>
        {views.map((view) => (
          <MenuItem
            key={view.id}
            onSelect={() => view.search && open(view.search)}
            disabledReason={view.search ? null : t('views.hiddenText')}
          >
            <span aria-hidden className="mr-1 inline-block w-3">
              {view.search && auditHref(paramsOfView(view.search)) === here && '✓'}
            </span>
            {viewName(view)}
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
  return (search: SavedSearch) => {
    const isOtherZone = search.timeZone !== undefined && search.timeZone !== zone
    if (isOtherZone) keepPreference('timeZone', search.timeZone ?? '')
    router.push(auditHref(paramsOfView(search)), { scroll: false })
    if (isOtherZone) router.refresh()
  }
}
