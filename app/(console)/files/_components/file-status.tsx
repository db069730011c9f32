'use client'

import { useTranslations } from 'next-intl'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import type { FileStatus } from '#server/content/schema.ts'

const TONES: Record<FileStatus, Tone> = { published: 'ok', deleting: 'warn', deleted: 'neutral' }

export function FileStatusTag({ status }: { status: FileStatus }) {
  const t = useTranslations('files.status')
  return <Tag tone={TONES[status]}>{t(status)}</Tag>
}
