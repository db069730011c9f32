import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { FactList } from '#components/ui/card.tsx'
import { Page } from '#components/ui/page.tsx'
import { getLineage, type Lineage } from '#server/content/queries.ts'
import { type FileDetail, fileCan } from '#server/content/schema.ts'
import { pageActor } from '#server/http/session.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { getTenant } from '#server/tenants/queries.ts'
import { DeleteForm } from '../../_components/delete-form.tsx'
import { fileSize } from '../../_components/size.ts'
import { fileOr404 } from '../../_file.ts'
import { removeFile } from '../../actions.ts'

type Props = { params: Promise<{ fileId: string }> }

export default async function DeletePage({ params }: Props) {
  const [actor, t, { fileId }] = await Promise.all([pageActor(), getTranslations('files'), params])
  if (!actor.permissions.has('content:write')) redirect(`/files/${fileId}`)
  const file = await fileOr404(actor, fileId)
  if (fileCan.delete(file) !== true) redirect(`/files/${file.id}`)
  return (
    <Page
      crumbs={[
        { label: t('title'), href: '/files' },
        { label: file.name, href: `/files/${file.id}` },
        { label: t('delete.submit') },
      ]}
      title={t('delete.title', { name: file.name })}
      width="narrow"
    >
      <h2 className="mb-2 text-lead font-strong">{t('delete.what')}</h2>
      <Consequences file={file} actor={actor} />
      <DeleteForm
        action={removeFile.bind(null, { id: file.id, name: file.name })}
        name={file.name}
        backHref={`/files/${file.id}`}
      />
    </Page>
  )
}

/** What will and what will not be gone, counted now. */
async function Consequences({ file, actor }: { file: FileDetail; actor: PersonActor }) {
  const [t, { settings }, lineage] = await Promise.all([
    getTranslations('files'),
    getTenant(actor, {}),
    getLineage(actor, { fileId: file.id }),
  ])
  const copies = liveCopies(lineage)
  const { unit, value } = fileSize(file.sizeBytes)
  const audience = file.audience.everyone
    ? t('audience.everyone')
    : t('audience.people', { count: file.audience.people })
  const seconds = settings.brake.undoSeconds
  return (
    <FactList
      items={[
        { title: t('delete.content'), text: t('delete.contentText', { size: t(`size.${unit}`, { value }) }) },
        { title: t('delete.audience'), text: t('delete.audienceText', { audience }) },
        {
          title: t('delete.holders'),
          text: file.holderCount === 0 ? t('delete.holdersNone') : t('delete.holdersText', { count: file.holderCount }),
        },
        ...(lineage.count > 0
          ? [
              {
                title: t('delete.copies'),
                text: file.derivedFrom ? t('delete.isCopy') : t('delete.copiesText', { count: copies }),
              },
            ]
          : []),
        {
          title: t('delete.undo'),
          text: actor.founder ? t('delete.undoText', { seconds }) : t('delete.approvalText', { seconds }),
        },
        { title: t('delete.stays'), text: t('delete.staysText') },
      ]}
    />
  )
}

/** Copies that go with their root; of more than are listed, all that ever were. */
function liveCopies({ items, count }: Lineage): number {
  return count > items.length ? count : items.filter(({ status }) => status !== 'deleted').length
}
