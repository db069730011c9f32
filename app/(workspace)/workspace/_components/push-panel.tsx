'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { type PushState, pushState, turnPushOff, turnPushOn } from '../_agent/push.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import { useLoaded } from './use-loaded.ts'

/** Whether this browser may be woken while no page is open: then a block or an erase reaches it sooner. */
export function PushPanel({ vapidKey }: { vapidKey: string }) {
  const t = useTranslations('workspace')
  const { store } = useEnrolled()
  const { loaded } = useLoaded(pushState, 'push')
  const [changed, setChanged] = useState<PushState | 'failed' | null>(null)
  const state = changed ?? (loaded.state === 'ready' ? loaded.value : null)
  async function turn(on: boolean) {
    const turned = on ? turnPushOn(store.agent, vapidKey) : turnPushOff(store.agent)
    setChanged(await turned.catch(() => 'failed' as const))
  }
  if (state === null || state === 'unsupported') return null
  return (
    <Card>
      <Panel title={t('push.title')}>
        <p className="mb-3 text-ink-2">{t('push.text')}</p>
        {state === 'failed' && (
          <Notice tone="danger" announce className="mb-3">
            {t('push.failed')}
          </Notice>
        )}
        <Button disabledReason={state === 'denied' ? t('push.denied') : null} onClick={() => void turn(state !== 'on')}>
          {state === 'on' ? t('push.off') : t('push.on')}
        </Button>
      </Panel>
    </Card>
  )
}
