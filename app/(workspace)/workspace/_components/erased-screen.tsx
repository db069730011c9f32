'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import type { Tombstone } from '#agent/core/tombstone.ts'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import { useWorkspace } from '../_agent/workspace-provider.tsx'

/** What was erased here, when, and whether the signed receipt has arrived. */
export function ErasedScreen({ tombstone }: { tombstone: Tombstone | null }) {
  const t = useTranslations('workspace')
  const { store } = useWorkspace()
  const [failed, setFailed] = useState(false)
  const isSettled = tombstone !== null && tombstone.receipt !== 'waiting'
  return (
    <div className="mx-auto w-full max-w-xl px-4 pt-6">
      <h1>{t('erased.title')}</h1>
      <p className="mt-1 mb-4 text-ink-2">{t('erased.text')}</p>
      <Card>
        <Panel>
          <DefinitionList
            items={[
              { term: t('erased.when'), value: tombstone && <Time value={tombstone.erasedAt} precision="second" /> },
              { term: t('erased.what'), value: t('erased.whatText', { files: tombstone?.erased.files ?? 0 }) },
              { term: t('erased.receipt'), value: t(`erased.receiptState.${tombstone?.receipt ?? 'waiting'}`) },
            ]}
          />
        </Panel>
      </Card>
      {failed && (
        <Notice tone="danger" announce className="mt-3">
          {t('erased.failed')}
        </Notice>
      )}
      <p className="mt-4 mb-2 text-ink-2">{t('erased.again')}</p>
      <Button
        disabledReason={isSettled ? null : t('erased.notYet')}
        onClick={() => void store.startOver().catch(() => setFailed(true))}
      >
        {t('erased.startOver')}
      </Button>
    </div>
  )
}
