'use client'

import { Download, Forward, Printer } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '#components/ui/button.tsx'
import type { FileEntry } from '#protocol/device/messages.ts'
import { faultOf } from '../_agent/faults.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import { downloadFile } from './download-file.ts'
import { ForwardDialog } from './forward-dialog.tsx'
import { ReasonDialog } from './reason-dialog.tsx'
import type { Viewing } from './use-viewing.ts'

/** What may be done with the file beside looking at it. What the policy forbids stays, and says so. */
export function FileActions({ file, viewing }: { file: FileEntry; viewing: Viewing }) {
  const t = useTranslations('workspace')
  const { store } = useEnrolled()
  const [asking, setAsking] = useState<'download' | 'forward' | null>(null)
  const [isBusy, setBusy] = useState(false)
  const may = file.may ?? { download: 'block', print: 'block', copy: 'block', forward: 'block' }

  async function download(reason?: string) {
    setAsking(null)
    setBusy(true)
    try {
      await downloadFile(store.agent, { fileId: file.id, session: viewing.session, reason })
    } catch (error) {
      const fault = faultOf(error)
      toast.error(fault?.code === 'offline' ? t('view.offlineText') : fault?.detail || t('view.failedText'))
    } finally {
      setBusy(false)
    }
  }

  return (
    <div className="flex gap-1">
      <Button
        variant="ghost"
        aria-busy={isBusy}
        disabledReason={may.download === 'block' ? t('cannot.download') : null}
        onClick={() => !isBusy && (may.download === 'ask_reason' ? setAsking('download') : void download())}
      >
        <Download aria-hidden className="size-4" />
        <span className="max-sm:sr-only">{isBusy ? t('view.downloading') : t('view.download')}</span>
      </Button>
      {/* Where it is allowed the viewer prints by itself: it alone has the pages. */}
      {may.print === 'block' && (
        <Button variant="ghost" disabledReason={t('cannot.print')}>
          <Printer aria-hidden className="size-4" />
          <span className="max-sm:sr-only">{t('view.print')}</span>
        </Button>
      )}
      <Button
        variant="ghost"
        disabledReason={may.forward === 'block' ? t('cannot.forward') : null}
        onClick={() => setAsking('forward')}
      >
        <Forward aria-hidden className="size-4" />
        <span className="max-sm:sr-only">{t('view.forward')}</span>
      </Button>
      {asking === 'download' && (
        <ReasonDialog onReason={(reason) => void download(reason)} onClose={() => setAsking(null)} />
      )}
      {asking === 'forward' && <ForwardDialog file={file} onClose={() => setAsking(null)} />}
    </div>
  )
}
