import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { listOwnDevices } from '#server/devices/queries.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { getFactor } from '#server/identity/queries.ts'
import { EraseMineForm } from '../../_components/erase-mine-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('workspace'))('lost.erase.title') }
}

/** The last question before a person erases one of their own devices: what it hits, why, and the second factor. */
export default async function EraseMinePage({ params }: { params: Promise<{ deviceId: string }> }) {
  const t = await getTranslations('workspace')
  const { deviceId } = await params
  const { actor } = await pageSignedIn()
  const device = (await listOwnDevices(actor, {})).find(({ id }) => id === deviceId)
  if (!device) notFound()
  const factor = await getFactor(actor, {})
  return (
    <AuthShell wide title={t('lost.erase.title')} intro={t('lost.erase.intro', { device: device.name })}>
      {factor.enrolled ? <EraseMineForm deviceId={device.id} reach={device.reach} /> : <NoFactor />}
    </AuthShell>
  )
}

async function NoFactor() {
  const t = await getTranslations('workspace')
  return (
    <>
      <Notice className="mb-4">{t('lost.erase.noFactor')}</Notice>
      <ButtonLink href="/lost" size="large">
        {t('lost.erase.back')}
      </ButtonLink>
    </>
  )
}
