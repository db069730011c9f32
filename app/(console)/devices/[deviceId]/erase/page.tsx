import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getFormatter, getTranslations } from 'next-intl/server'
import { FactList } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { type AboutDevice, countAboutDevice } from '#server/audit/queries.ts'
import type { Total } from '#server/audit/schema.ts'
import { type DeviceContents, getDeviceContents } from '#server/content/queries.ts'
import { getEraseBudget } from '#server/devices/queries.ts'
import { type DeviceView, deviceCan } from '#server/devices/schema.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { fileSize } from '../../../files/_components/size.ts'
import { EraseForm } from '../../_components/erase-form.tsx'
import { VaultSentence } from '../../_components/vault-sentence.tsx'
import { deviceOr404 } from '../../_device.ts'
import { reachKey } from '../../_reach.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('wipe'))('ask.title') }
}

export default async function ErasePage({ params }: { params: Promise<{ deviceId: string }> }) {
  const t = await getTranslations('wipe')
  const [{ actor, organisation }, { deviceId }] = await Promise.all([pageSignedIn(), params])
  const devices = { label: (await getTranslations('devices'))('title'), href: '/devices' }
  if (!actor.permissions.has('devices:wipe')) {
    return (
      <Page crumbs={[{ label: organisation.name }, devices]}>
        <NotPermitted permission="devices:wipe" />
      </Page>
    )
  }
  const device = await deviceOr404(actor, deviceId)
  if (device.openWipeId) redirect(`/wipes/${device.openWipeId}`)
  if (deviceCan.wipe(device) !== true) redirect(`/devices/${device.id}`)
  const [contents, logged, budget] = await Promise.all([
    getDeviceContents(actor, { deviceId }),
    countAboutDevice(actor, { deviceId }),
    getEraseBudget(actor, {}),
  ])
  return (
    <Page
      crumbs={[
        { label: organisation.name },
        devices,
        { label: device.name, href: `/devices/${device.id}` },
        { label: t('ask.crumb') },
      ]}
      title={t('ask.title')}
      sub={<Belongs device={device} />}
      width="narrow"
    >
      <Notice className="mb-4">
        {device.status === 'blocked' ? <VaultSentence device={device} now={new Date()} /> : t('ask.blocksAtOnce')}
      </Notice>
      <FactList items={await factsOf({ ...contents, ...logged }, device)} />
      <EraseForm
        deviceId={device.id}
        canEraseDevice={device.capabilities.eraseDevice}
        isBlocked={device.status === 'blocked'}
      >
        <Notice className="mb-3">
          {t.rich('ask.budget', { used: budget.used, limit: budget.limit, b: (text) => <b>{text}</b> })}{' '}
          {t(budget.used >= budget.limit ? 'ask.held' : budget.alone ? 'ask.alone' : 'ask.approval', {
            seconds: budget.undoSeconds,
          })}
        </Notice>
      </EraseForm>
    </Page>
  )
}

async function Belongs({ device }: { device: DeviceView }) {
  const t = await getTranslations('wipe')
  return t.rich('ask.belongs', {
    person: device.person.name,
    seen: () => <RelativeTime value={device.lastSeenAt} />,
    online: device.online ? 'yes' : 'no',
  })
}

async function factsOf(contents: DeviceContents & AboutDevice, device: DeviceView) {
  const t = await getTranslations('wipe')
  const format = await getFormatter()
  const shown = ({ value, capped }: Total) => (capped ? `${format.number(value)}+` : format.number(value))
  const { unit, value } = fileSize(contents.bytes)
  const size = (await getTranslations('files.size'))(unit, { value })
  return [
    { title: t('ask.will'), text: t('ask.willText', { count: contents.files, size }) },
    {
      title: t('ask.willNot'),
      text: t('ask.willNotText', { count: contents.downloads.value, shown: shown(contents.downloads) }),
    },
    { title: t('ask.when'), text: t('ask.whenText', { reach: reachKey(device) }) },
    { title: t('ask.kept'), text: t('ask.keptText', { shown: shown(contents.entries) }) },
  ]
}
