'use client'

import { ChevronLeft } from 'lucide-react'
import NextLink from 'next/link'
import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Skeleton, StateBlock } from '#components/ui/states.tsx'
import type { FileEntry } from '#protocol/device/messages.ts'
import type { AgentFault } from '../_agent/faults.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import { FileActions } from './file-actions.tsx'
import { ShownFile } from './shown-file.tsx'
import { useViewing } from './use-viewing.ts'

/** One file on the whole screen: what may be done with it above, its content below. */
export function FileScreen({ fileId }: { fileId: string }) {
  const t = useTranslations('workspace')
  const { device } = useEnrolled()
  const file = device.files?.find(({ id }) => id === fileId)
  if (!device.files && device.link !== 'lost') return <Opening />
  if (!file) {
    return (
      <Stated
        title={device.files ? t('view.gone') : t('files.offline')}
        text={device.files ? t('view.goneText') : t('files.offlineText')}
      />
    )
  }
  return <Viewing file={file} />
}

function Viewing({ file }: { file: FileEntry }) {
  const t = useTranslations('workspace')
  const viewing = useViewing(file)
  const { state } = viewing
  return (
    <>
      <header className="sticky top-0 z-10 border-b border-line bg-surface">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1 px-2 py-1.5 sm:px-4">
          <Back />
          {/* Next keeps a heading for its announcements; a name kept there would outlive a block. */}
          <h1 className="sr-only">{t('view.heading')}</h1>
          <p className="min-w-0 flex-1 basis-40 truncate text-lead font-strong">
            <bdi>{file.name}</bdi>
          </p>
          <FileActions file={file} viewing={viewing} />
        </div>
      </header>
      {state.phase === 'refused' && <Refused fault={state.fault} again={viewing.again} />}
      {state.phase === 'unviewable' && (
        <StateBlock title={t('view.unviewable')} text={t(`view.reason.${state.reason}`)} />
      )}
      {state.phase === 'opening' && <Progress received={state.received} sizeBytes={file.sizeBytes} />}
      {(state.phase === 'opening' || state.phase === 'ready') && (
        <ShownFile
          key={viewing.turn}
          file={file}
          viewing={viewing}
          opened={state.phase === 'ready' ? state.opened : null}
        />
      )}
    </>
  )
}

function Back() {
  const t = useTranslations('workspace')
  return (
    <NextLink
      href="/workspace"
      prefetch={false}
      className="flex min-h-10 items-center rounded-control pr-2 text-ink-2 hover:bg-sunken"
    >
      <ChevronLeft aria-hidden className="size-5" />
      {t('nav.files')}
    </NextLink>
  )
}

function Opening() {
  const t = useTranslations('workspace')
  return (
    <div role="status" aria-label={t('view.opening')} className="mx-auto w-full max-w-3xl px-4 pt-8">
      <Skeleton className="mb-3 h-6 w-1/2" />
      <Skeleton className="mb-2 w-full" />
      <Skeleton className="mb-2 w-11/12" />
      <Skeleton className="w-3/4" />
    </div>
  )
}

/** A small file is there before anybody could read a figure. */
const WORTH_TELLING_BYTES = 4_194_304

function Progress({ received, sizeBytes }: { received: number; sizeBytes: number }) {
  const t = useTranslations('workspace')
  if (sizeBytes < WORTH_TELLING_BYTES) return null
  return <progress value={received} max={sizeBytes} aria-label={t('view.opening')} className="h-1 w-full" />
}

/** The agent's word in the reader's own: why it is not opened, and what to do. */
function Refused({ fault, again }: { fault: AgentFault | null; again: () => void }) {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const isOffline = fault?.code === 'offline'
  const isDenied = fault?.serverCode === 'policy_denied' || fault?.code === 'denied'
  return (
    <StateBlock
      role="alert"
      tone="danger"
      title={isOffline ? t('files.offline') : isDenied ? t('view.denied') : t('view.failed')}
      text={isOffline ? t('view.offlineText') : isDenied ? t('view.deniedText') : t('view.failedText')}
      action={<Button onClick={again}>{common('retry')}</Button>}
    />
  )
}

function Stated({ title, text }: { title: string; text: string }) {
  const t = useTranslations('workspace')
  return (
    <StateBlock whole title={title} text={text} action={<ButtonLink href="/workspace">{t('nav.files')}</ButtonLink>} />
  )
}
