'use client'

import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { StateBlock } from '#components/ui/states.tsx'
import type { Hold } from '../_agent/standing.ts'
import { useWorkspace } from '../_agent/workspace-provider.tsx'

type Props = { hold: Hold; detail: string | null; deviceName: string }

/** In place of everything, while the organisation does not serve this device: why, and what its person can do. */
export function HoldScreen({ hold, detail, deviceName }: Props) {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const { store } = useWorkspace()
  return (
    <div className="mx-auto w-full max-w-3xl pt-6">
      <StateBlock
        whole
        role="alert"
        tone={hold === 'pending' || hold === 'too_old' ? 'neutral' : 'danger'}
        title={t(`hold.${hold}.title`)}
        text={
          <>
            {t(`hold.${hold}.text`, { device: deviceName })}
            {detail && <span className="mt-2 block">{detail}</span>}
          </>
        }
        action={
          <>
            {hold === 'too_old' ? (
              <Button onClick={() => window.location.reload()}>{t('hold.reload')}</Button>
            ) : (
              <Button onClick={() => void store.retry()}>{common('retry')}</Button>
            )}
            <ButtonLink href="/workspace/me">{t('hold.about')}</ButtonLink>
          </>
        }
      />
    </div>
  )
}
