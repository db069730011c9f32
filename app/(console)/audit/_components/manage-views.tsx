'use client'

import { useTranslations } from 'next-intl'
import { visibleText } from '#components/audit/visible-text.ts'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Checkbox } from '#components/ui/check.tsx'
import { Dialog } from '#components/ui/dialog.tsx'
import type { SavedView } from '#server/audit/schema.ts'
import { changeView, removeView } from '../actions.ts'
import { useNameWords } from './pseudonym.tsx'
import { useViewName } from './use-view-name.ts'

type Props = { isOpen: boolean; onClose: () => void; views: readonly SavedView[]; canRemoveShared: boolean }

/** One's own views to rename, share and remove; of the shared ones, who sets the organisation up may remove any. */
export function ManageViews({ isOpen, onClose, views, canRemoveShared }: Props) {
  const t = useTranslations('audit')
  const nameWords = useNameWords()
  const viewName = useViewName()
  return (
    <Dialog wide open={isOpen} onOpenChange={(open) => !open && onClose()} title={t('views.manageTitle')}>
      <ul>
        {views.map((view) => (
          <li key={view.id} className="border-b border-line py-2.5 last:border-0">
            {view.isOwn ? (
              <OwnView view={view} />
            ) : (
              <p>
                <b>{viewName(view)}</b>{' '}
                <span className="text-ink-2">{t('views.sharedBy', { name: nameWords(view.ownerName) })}</span>
              </p>
            )}
            {view.search ? (
              <p className="truncate font-mono text-mono text-ink-2" title={visibleText(view.search.q)}>
                {visibleText(view.search.q)}
              </p>
            ) : (
              <p className="text-ink-2">{t('views.hiddenText')}</p>
            )}
            {(view.isOwn || canRemoveShared) && (
              <FormShell action={removeView.bind(null, view.id)} label={t('views.remove', { name: viewName(view) })}>
                <SubmitButton variant="ghost" size="small" className="-ml-2">
                  {t('views.remove', { name: viewName(view) })}
                </SubmitButton>
              </FormShell>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function OwnView({ view }: { view: SavedView }) {
  const t = useTranslations('audit')
  const common = useTranslations('common')
  return (
    <FormShell
      action={changeView.bind(null, view.id)}
      label={view.name ?? ''}
      className="flex flex-wrap items-end gap-x-4 gap-y-1"
    >
      <TextField
        name="name"
        label={t('views.name')}
        defaultValue={view.name ?? ''}
        maxLength={80}
        required
        fieldClassName="mb-0! min-w-48 flex-1"
      />
      <Checkbox name="shared" label={t('views.shareShort')} defaultChecked={view.isShared} className="pb-1.5" />
      <SubmitButton variant="default">{common('save')}</SubmitButton>
    </FormShell>
  )
}
