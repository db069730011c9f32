'use client'

import { useTranslations } from 'next-intl'
import type { Theme } from '#components/shell/preference-cookie.ts'
import { Button } from '#components/ui/button.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { ErrorState, SkeletonRows } from '#components/ui/states.tsx'
import type { PersonResponse } from '#protocol/device/person.ts'
import { useEnrolled } from '../_agent/workspace-provider.tsx'
import { OwnDevices } from './own-devices.tsx'
import { OwnRecords } from './own-records.tsx'
import { PreferencesPanel } from './preferences-panel.tsx'
import { PushPanel } from './push-panel.tsx'
import { RemoveDevice } from './remove-device.tsx'
import { SeenAndDone } from './seen-and-done.tsx'
import { useLoaded } from './use-loaded.ts'

/** The person's own page: their devices, what is seen and done here, what was recorded, how this browser looks, and leaving. */
export function MeScreen({ theme }: { theme: Theme }) {
  const t = useTranslations('workspace')
  const { store, device } = useEnrolled()
  const { loaded, again } = useLoaded(
    async () => (await store.agent.device()).client.person(),
    `${device.deviceId} ${device.hold ?? 'served'}`,
  )
  return (
    <div className="mx-auto w-full max-w-3xl px-4 pt-5 pb-10">
      <h1>{t('me.title')}</h1>
      {loaded.state === 'loading' && <SkeletonRows rows={6} />}
      {loaded.state === 'failed' && <NotToldNow again={again} />}
      {loaded.state === 'ready' && <Told person={loaded.value} />}
      <div className="mt-4 flex flex-col gap-4">
        <PreferencesPanel theme={theme} />
        <RemoveDevice />
      </div>
    </div>
  )
}

function NotToldNow({ again }: { again: () => void }) {
  const t = useTranslations('workspace')
  const common = useTranslations('common')
  const { device } = useEnrolled()
  return (
    <ErrorState
      text={device.hold ? t(`hold.${device.hold}.text`, { device: device.name }) : t('files.offlineText')}
      action={<Button onClick={again}>{common('retry')}</Button>}
    />
  )
}

function Told({ person }: { person: PersonResponse }) {
  const t = useTranslations('workspace')
  const { device } = useEnrolled()
  return (
    <>
      <p className="mt-0.5 mb-4 text-ink-2 wrap-anywhere">
        {t('me.whose', {
          name: person.person.name,
          email: person.person.email,
          organisation: person.organisation.name,
        })}
      </p>
      <div className="flex flex-col gap-4">
        <Card>
          <Panel title={t('me.devices')}>
            <OwnDevices devices={person.devices} hereId={person.deviceId} />
          </Panel>
        </Card>
        <Card>
          <Panel title={t('me.seen', { organisation: person.organisation.name })}>
            <SeenAndDone powers={person.powers} policy={device.policy} />
          </Panel>
        </Card>
        {!device.hold && (
          <Card>
            <Panel title={t('me.records')}>
              <OwnRecords />
            </Panel>
          </Card>
        )}
        {person.push && <PushPanel vapidKey={person.push.key} />}
      </div>
    </>
  )
}
