'use client'

import { useTranslations } from 'next-intl'
import { FileSize } from './file-size.tsx'
import type { Sending } from './send-file.ts'

type Props = { name: string; sizeBytes: number; sending: Sending }

/** How far a file has come, as a bar and in words; what has changed for a reader is announced, each step is not. */
export function UploadProgress({ name, sizeBytes, sending: { sentBytes, isWaiting } }: Props) {
  const t = useTranslations('files.new')
  const state = isWaiting ? t('waiting') : sentBytes >= sizeBytes ? t('arrived') : t('sending', { name })
  return (
    <div className="mb-4 min-w-0">
      <progress
        aria-label={t('sending', { name })}
        value={sentBytes}
        max={sizeBytes}
        className="h-2 w-full accent-accent"
      />
      <p className="flex flex-wrap justify-between gap-x-4 text-ink-2">
        <span role="status" className="min-w-0 break-words">
          {state}
        </span>
        <span className="tabular-nums">
          <FileSize bytes={sentBytes} /> / <FileSize bytes={sizeBytes} />
        </span>
      </p>
    </div>
  )
}
