'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import type { SessionView } from '#server/identity/schema.ts'
import { endOthers, endSession } from '../actions.ts'

/** Where the person is signed in; the device is what the browser says of itself. */
export function SessionList({ sessions }: { sessions: SessionView[] }) {
  const t = useTranslations('auth')
  return (
    <>
      <ul aria-label={t('account.sessions')} className="mb-3">
        {sessions.map((session) => (
          <SessionItem key={session.id} session={session} />
        ))}
      </ul>
      {sessions.length > 1 && (
        <FormShell action={endOthers} label={t('account.endOthers')}>
          <SubmitButton variant="default">{t('account.endOthers')}</SubmitButton>
        </FormShell>
      )}
    </>
  )
}

function SessionItem({ session }: { session: SessionView }) {
  const t = useTranslations('auth')
  const { browser, system } = session.device
  const name = [browser, system].filter(Boolean).join(', ') || t('account.unknownDevice')
  return (
    <li className="flex min-h-11 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line py-1.5 last:border-0">
      <span className="min-w-40 flex-1">
        <span className="font-medium">{name}</span> <Mono>{session.address}</Mono>
        <span className="block text-ink-2">
          {t('account.lastUsed')} <RelativeTime value={session.lastUsedAt} />
        </span>
      </span>
      {session.current ? (
        <Tag tone="ok">{t('account.here')}</Tag>
      ) : (
        <FormShell action={endSession.bind(null, session.id)}>
          <SubmitButton variant="default" size="small" aria-label={t('account.endOf', { name })}>
            {t('account.end')}
          </SubmitButton>
        </FormShell>
      )}
    </li>
  )
}
