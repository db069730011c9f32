'use client'

import { useTranslations } from 'next-intl'
import { useEffect, useRef } from 'react'
import { toast } from 'sonner'
import type { NoticeMeans } from '#agent/core/notices.ts'
import { DocumentFrame } from '#components/viewer/document-frame.tsx'
import type { FileEntry } from '#protocol/device/messages.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import { useFrameLabels } from './frame-labels.ts'
import { useUnheard } from './use-unheard.ts'
import type { OpenedFile, Viewing } from './use-viewing.ts'

/** On the page's timeline, for whoever measures: the first page is painted. */
const SHOWN_MARK = 'gatehouse:file-shown'

type Props = {
  file: FileEntry
  viewing: Viewing
  /** Null while it is on its way: the frame gets ready meanwhile. */
  opened: OpenedFile | null
}
type Noticed = { means: NoticeMeans; page: number; obscured: boolean }

/** The content in the viewer's frame. What the frame notices is written down and sent at once. */
export function ShownFile({ file, viewing, opened }: Props) {
  const t = useTranslations('workspace')
  const { store } = useEnrolled()
  const labels = useFrameLabels(file.name)
  const isShown = useIsShown()
  const isUnheard = useUnheard()

  async function notice({ means, page, obscured }: Noticed) {
    const { recordNotice } = await import('#agent/core/notices.ts')
    const at = page > 0 ? { page } : {}
    const device = await store.agent.device()
    await recordNotice(device, { fileId: file.id, means, obscured, session: viewing.session, ...at })
    // Whoever only turned to another window is not told each time.
    if (isShown.current && means !== 'focus_lost') toast(t(`noticed.${means}`))
  }

  return (
    <DocumentFrame
      content={opened?.content ?? null}
      watermark={opened?.release.watermark?.text ?? null}
      labels={labels}
      may={{ copy: file.may?.copy === 'allow', print: file.may?.print === 'allow' }}
      onNoticed={(noticed) => void notice(noticed).catch(() => toast.error(t('noticed.failed')))}
      onShown={() => performance.mark(SHOWN_MARK)}
      onFailed={viewing.fail}
      covered={isUnheard}
      className="min-h-80 flex-1"
    />
  )
}

/** False once the page has gone: what was noticed on the way out is still written down, but nobody is there to be told. */
function useIsShown() {
  const isShown = useRef(true)
  useEffect(() => {
    isShown.current = true
    return () => {
      isShown.current = false
    }
  }, [])
  return isShown
}
