import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { DeviceDetail } from '../_components/device-detail.tsx'
import { DeviceList } from '../_components/device-list.tsx'
import { deviceOr404 } from '../_device.ts'
import { listQuery } from '../search-params.ts'

type Props = { params: Promise<{ deviceId: string }>; searchParams: Promise<PageParams> }

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('devices'))('detail.title') }
}

export default async function DevicePage({ params, searchParams }: Props) {
  const t = await getTranslations('devices')
  const [{ actor, organisation }, { deviceId }, query] = await Promise.all([pageSignedIn(), params, searchParams])
  const list = { label: t('title'), href: `/devices${listQuery(query)}` }
  if (!actor.permissions.has('devices:read')) {
    return (
      <Page crumbs={[{ label: organisation.name }, list]}>
        <NotPermitted permission="devices:read" />
      </Page>
    )
  }
  const device = await deviceOr404(actor, deviceId)
  return (
    <Page crumbs={[{ label: organisation.name }, list, { label: device.name }]} title={t('title')} monoTitle>
      <LiveRefresh url="/api/live?topics=device,presence,wipe" />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_400px]">
        <div className="max-lg:hidden">
          <DeviceList actor={actor} params={query} selectedId={device.id} />
        </div>
        <DeviceDetail device={device} actor={actor} />
      </div>
    </Page>
  )
}
