'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonRow, Dialog } from '#components/ui/dialog.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { faultOf } from '../_agent/faults.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'

/** Leaves the organisation's service on this browser: the server is told, then everything here is destroyed. */
export function RemoveDevice() {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const { store } = useEnrolled()
  const [isOpen, setOpen] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  async function leave() {
    setProblem(null)
    try {
      await store.leave()
    } catch (error) {
      const fault = faultOf(error)
      setProblem(fault?.code === 'offline' ? t('remove.offline') : fault?.detail || t('remove.failed'))
    }
  }
  return (
    <Card>
      <Panel title={t('remove.title')}>
        <p className="mb-3 text-ink-2">{t('remove.text')}</p>
        <Dialog
          title={t('remove.title')}
          description={t('remove.sure')}
          open={isOpen}
          onOpenChange={setOpen}
          trigger={<Button>{t('remove.ask')}</Button>}
        >
          {problem && (
            <Notice tone="danger" announce>
              {problem}
            </Notice>
          )}
          <ButtonRow>
            <Button onClick={() => setOpen(false)}>{common('cancel')}</Button>
            <Button variant="danger" onClick={() => void leave()}>
              {t('remove.confirm')}
            </Button>
          </ButtonRow>
        </Dialog>
      </Panel>
    </Card>
  )
}
