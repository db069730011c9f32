import { FileImage, FileLock, FileText, FileType2, type LucideIcon } from 'lucide-react'
import NextLink from 'next/link'
import { useTranslations } from 'next-intl'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import type { FileEntry, FileKind } from '#protocol/device/messages.ts'

const ICONS: Record<FileKind, LucideIcon> = {
  pdf: FileType2,
  image: FileImage,
  text: FileText,
  markdown: FileText,
  none: FileLock,
}

/** One file of the list; all of it is the link. */
export function FileRow({ file }: { file: FileEntry }) {
  const t = useTranslations('workspace')
  const kind = file.kind ?? 'none'
  const Icon = ICONS[kind]
  return (
    <li className="relative flex gap-3 border-b border-line px-3.5 py-3 last:border-0 hover:bg-sunken">
      <Icon aria-hidden className="mt-0.5 size-5 shrink-0 text-ink-3" />
      <div className="min-w-0 flex-1">
        <NextLink
          href={`/workspace/files/${file.id}`}
          prefetch={false}
          className="block font-semibold wrap-anywhere after:absolute after:inset-0"
        >
          <bdi>{file.name}</bdi>
        </NextLink>
        <p className="text-ink-2">
          {t(`kind.${kind}`)}
          {file.sharedBy && (
            <>
              {' · '}
              {t.rich('files.sharedBy', { who: () => <bdi>{file.sharedBy}</bdi> })}
            </>
          )}
          {' · '}
          <RelativeTime value={file.publishedAt} />
        </p>
        {file.viewState === 'pending' && <p className="text-ink-2">{t('files.pending')}</p>}
        {file.viewState === 'refused' && <p className="text-warn">{t('files.refused')}</p>}
        {file.labels.length > 0 && (
          <p className="mt-1 flex flex-wrap gap-1">
            {file.labels.map((label) => (
              <Tag key={label}>{label}</Tag>
            ))}
          </p>
        )}
      </div>
    </li>
  )
}
