import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Link } from '#components/ui/link.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { RenditionView } from '#server/content/queries.ts'
import type { FileDetail } from '#server/content/schema.ts'
import { FileSize } from './file-size.tsx'
import { FileStatusTag } from './file-status.tsx'
import { ShownAs } from './shown-as.tsx'

export function FileFacts({ file, rendition }: { file: FileDetail; rendition: RenditionView }) {
  const t = useTranslations('files')
  return (
    <Card>
      <Panel title={t('detail.facts')}>
        <DefinitionList
          items={[
            { term: t('column.status'), value: <FileStatusTag status={file.status} /> },
            {
              term: t('column.labels'),
              value: file.labels.length > 0 && (
                <span className="flex flex-wrap gap-1">
                  {file.labels.map((label) => (
                    <Tag key={label}>{label}</Tag>
                  ))}
                </span>
              ),
            },
            { term: t('column.size'), value: <FileSize bytes={file.sizeBytes} /> },
            { term: t('detail.type'), value: file.mediaType },
            { term: t('detail.shown'), value: file.status !== 'deleted' && <ShownAs rendition={rendition} /> },
            { term: t('column.published'), value: <Time value={file.publishedAt} /> },
            { term: t('column.publishedBy'), value: file.publishedBy?.name },
            { term: t('detail.deletedAt'), value: file.deletedAt && <Time value={file.deletedAt} /> },
            { term: t('detail.sha256'), value: <span className="break-all font-mono text-mono">{file.sha256}</span> },
            { term: t('detail.id'), value: <span className="break-all font-mono text-mono">{file.id}</span> },
          ].filter(({ value }) => value !== false)}
        />
        <Link href={`/audit?q=${encodeURIComponent(`target:${file.id}`)}`}>{t('detail.audit')}</Link>
      </Panel>
    </Card>
  )
}
