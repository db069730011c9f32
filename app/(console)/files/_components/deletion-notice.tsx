'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import { DELETE_REASONS, type FileDeletion } from '#server/content/schema.ts'

type Props = { deletion: FileDeletion; keep: FormAction | null }

/** A deletion that was asked for and not yet carried out: how it stands, and the way to stop it. */
export function DeletionNotice({ deletion, keep }: Props) {
  const t = useTranslations('files')
  const { state, notBefore, requestedBy } = deletion
  const reason = DELETE_REASONS.find((known) => known === deletion.reason)
  return (
    <Notice className="mb-4">
      <p className="font-semibold">
        {state === 'held' || state === 'awaiting_approval' ? t(`deletion.${state}`) : t('deletion.delayed')}{' '}
        {notBefore && <Time value={notBefore} precision="second" />}
      </p>
      <p>{t('deletion.by', { name: requestedBy, reason: reason ? t(`reason.${reason}`) : deletion.reason })}</p>
      <p>{t('deletion.meanwhile')}</p>
      <div className="mt-2 flex flex-wrap gap-2">
        {keep && (
          <FormShell action={keep} label={t('deletion.cancel')}>
            <SubmitButton>{t('deletion.cancel')}</SubmitButton>
          </FormShell>
        )}
        {state !== 'delayed' && <ButtonLink href="/approvals">{t('deletion.approvals')}</ButtonLink>}
      </div>
    </Notice>
  )
}
