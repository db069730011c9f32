import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Button } from '#components/ui/button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { Time } from '#components/ui/time.tsx'
import { getLineage, getRendition } from '#server/content/queries.ts'
import { fileCan } from '#server/content/schema.ts'
import { pageActor } from '#server/http/session.ts'
import { DeletionNotice } from '../_components/deletion-notice.tsx'
import { FileFacts } from '../_components/file-facts.tsx'
import { FileLineage } from '../_components/file-lineage.tsx'
import { FileHolders, FilePeople } from '../_components/file-people.tsx'
import { fileOr404 } from '../_file.ts'
import { keepFile } from '../actions.ts'

type Props = { params: Promise<{ fileId: string }> }

export default async function FilePage({ params }: Props) {
  const [actor, t, whoSaw, { fileId }] = await Promise.all([
    pageActor(),
    getTranslations('files'),
    getTranslations('whoSaw'),
    params,
  ])
  if (!actor.permissions.has('content:read')) redirect('/files')
  const file = await fileOr404(actor, fileId)
  const [lineage, rendition] = await Promise.all([getLineage(actor, { fileId }), getRendition(actor, { fileId })])
  const mayWrite = actor.permissions.has('content:write')
  const can = fileCan.delete(file)
  return (
    <Page
      crumbs={[{ label: t('title'), href: '/files' }, { label: file.name }]}
      title={file.name}
      actions={
        <>
          {actor.permissions.has('audit:read') && (
            <ButtonLink href={`/files/${file.id}/who-saw`}>{whoSaw('title')}</ButtonLink>
          )}
          {mayWrite && can === true && <ButtonLink href={`/files/${file.id}/delete`}>{t('detail.delete')}</ButtonLink>}
          {mayWrite && can !== true && <Button disabledReason={t(`detail.cannot.${can}`)}>{t('detail.delete')}</Button>}
        </>
      }
    >
      <LiveRefresh url="/api/live?topics=file" />
      {file.deletion && (
        <DeletionNotice
          deletion={file.deletion}
          keep={mayWrite ? keepFile.bind(null, file.deletion.requestId) : null}
        />
      )}
      {file.damagedAt && file.status !== 'deleted' && (
        <Notice tone="danger" className="mb-4">
          {t.rich('detail.damaged', { time: () => <Time value={file.damagedAt} /> })}
        </Notice>
      )}
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_380px] lg:items-start">
        <div className="min-w-0">
          <FilePeople file={file} mayEdit={mayWrite && fileCan.updateAudience(file) === true} />
          <FileHolders file={file} />
          <FileLineage fileId={file.id} lineage={lineage} />
        </div>
        <FileFacts file={file} rendition={rendition} />
      </div>
    </Page>
  )
}
