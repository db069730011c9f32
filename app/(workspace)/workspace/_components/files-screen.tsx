'use client'

import { useTranslations } from 'next-intl'
import { useDeferredValue, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Input } from '#components/ui/input.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '#components/ui/states.tsx'
import { useWarmViewer } from '#components/viewer/use-warm-viewer.ts'
import type { FileEntry } from '#protocol/device/messages.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import { FileRow } from './file-row.tsx'

/** Fewer are found with the eye. */
const SEARCHABLE_FROM = 8

export function FilesScreen() {
  const t = useTranslations('workspace')
  const { device } = useEnrolled()
  return (
    <div className="mx-auto w-full max-w-3xl px-4 pt-5 pb-10">
      <h1>{t('files.title')}</h1>
      <p className="mt-0.5 mb-4 text-ink-2">{t('files.sub', { device: device.name })}</p>
      {device.files ? <FileList files={device.files} /> : <NoList />}
    </div>
  )
}

/** Not an empty list: nothing has been heard yet. */
function NoList() {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const { store, device } = useEnrolled()
  if (device.link !== 'lost' && !device.problem) return <SkeletonRows rows={6} />
  return (
    <ErrorState
      title={device.link === 'lost' ? t('files.offline') : common('state.failed')}
      text={device.link === 'lost' ? t('files.offlineText') : (device.problem?.detail ?? '')}
      action={<Button onClick={() => void store.retry()}>{common('retry')}</Button>}
    />
  )
}

function FileList({ files }: { files: FileEntry[] }) {
  const t = useTranslations('workspace')
  const [query, setQuery] = useState('')
  const wanted = useDeferredValue(query.trim().toLowerCase())
  // The newest is the likeliest to be opened.
  useWarmViewer(files[0]?.may?.print === 'allow')
  if (files.length === 0) return <EmptyState title={t('files.empty')} text={t('files.emptyText')} />
  const found = files.filter(({ name, labels }) =>
    [name, ...labels].some((text) => text.toLowerCase().includes(wanted)),
  )
  return (
    <>
      {files.length >= SEARCHABLE_FROM && (
        <Input
          type="search"
          className="mb-3"
          aria-label={t('files.search')}
          placeholder={t('files.search')}
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
        />
      )}
      {found.length === 0 ? (
        <EmptyState
          title={t('files.noMatch')}
          action={<Button onClick={() => setQuery('')}>{t('files.clear')}</Button>}
        />
      ) : (
        <ul aria-label={t('files.title')} className="rounded-card border border-line bg-surface">
          {found.map((file) => (
            <FileRow key={file.id} file={file} />
          ))}
        </ul>
      )}
    </>
  )
}
