import { getTranslations } from 'next-intl/server'
import { Card, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Link } from '#components/ui/link.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { deviceCode } from '#protocol/policy/watermark.ts'
import type { DeviceView } from '#server/devices/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { Reason } from '../../wipes/_components/reason.tsx'
import { reachKey } from '../_reach.ts'
import { CompletenessPanel } from './completeness-panel.tsx'
import { DeviceActs } from './device-acts.tsx'
import { DeviceStatusTag } from './device-status.tsx'
import { captureKey, channelKey, keysKey } from './device-truth.ts'
import { EditDevice } from './edit-device.tsx'
import { VaultSentence } from './vault-sentence.tsx'

type Props = { device: DeviceView; actor: PersonActor }

/** Everything about one device, and what may be done about it. */
export async function DeviceDetail({ device, actor }: Props) {
  const t = await getTranslations('devices')
  const now = new Date()
  return (
    <Card>
      <Panel title={device.name} aside={<DeviceStatusTag status={device.status} />}>
        {device.statusReason && (
          <p className="text-ink-2">
            <Reason reason={device.statusReason} /> · <Time value={device.statusAt} />
          </p>
        )}
        {device.problem && <Notice className="mt-2">{t('problem.text', { detail: device.problem.detail })}</Notice>}
        {device.status === 'wiped' && (
          <Notice className="mt-2" tone="ok">
            {t('vault.gone')}
          </Notice>
        )}
        {device.vault !== 'ready' && device.status !== 'wiped' && (
          <Notice className="mt-2" tone={device.vault === 'destroyed' ? 'danger' : 'warn'}>
            <VaultSentence device={device} now={now} />
          </Notice>
        )}
        <DeviceActs device={device} actor={actor} />
        <DefinitionList items={await facts(device, actor)} />
        <Link href={`/audit?q=${encodeURIComponent(`device:${device.id}`)}`}>{t('detail.audit')}</Link>
      </Panel>
      <CompletenessPanel device={device} actor={actor} />
      {actor.permissions.has('devices:write') && (
        <EditDevice device={{ id: device.id, name: device.name, ownership: device.ownership }} />
      )}
    </Card>
  )
}

async function facts(device: DeviceView, actor: PersonActor) {
  const t = await getTranslations('devices')
  const owner = actor.permissions.has('people:read') ? (
    <Link href={`/people/${device.person.id}`}>{device.person.name}</Link>
  ) : (
    device.person.name
  )
  const inService = !['wiped', 'retired'].includes(device.status) && !device.channel.startsWith('import:')
  const policy = t('detail.policyVersion', { version: device.policyVersion })
  return [
    { term: t('column.owner'), value: owner },
    { term: t('column.platform'), value: `${t(`platform.${device.platform}`)} ${device.osVersion}` },
    { term: t('detail.model'), value: [device.model, device.serial].filter(Boolean).join(' · ') },
    {
      term: t('column.app'),
      value: `${device.appVersion} · ${t(`channel.${channelKey(device)}`, { name: device.channel.replace('import:', '') })}`,
    },
    { term: t('detail.ownership'), value: t(`ownership.${device.ownership}`) },
    {
      term: t('column.lastSeen'),
      value: (
        <>
          <RelativeTime value={device.lastSeenAt} /> {device.online && <Tag tone="ok">{t('online')}</Tag>}
        </>
      ),
    },
    {
      term: t('column.tls'),
      value: device.tls && (
        <Mono>{[device.tls.protocol, device.tls.cipher, device.tls.group].filter(Boolean).join(' · ')}</Mono>
      ),
    },
    {
      term: t('detail.policy'),
      value:
        device.policyVersion === 0 ? (
          t('detail.noPolicy')
        ) : actor.permissions.has('policies:read') ? (
          <Link href="/policies">{policy}</Link>
        ) : (
          policy
        ),
    },
    {
      term: t('detail.vault'),
      value:
        device.vault === 'ready' ? (
          <VaultSentence device={device} now={new Date()} />
        ) : (
          t(`vault.${device.vault}.short`)
        ),
    },
    {
      term: t('detail.capture'),
      value: t(`capture.${captureKey(device)}`),
    },
    { term: t('detail.keys'), value: t(`keys.${keysKey(device)}`) },
    { term: t('detail.reach'), value: inService && t(`reach.${reachKey(device)}`) },
    {
      term: t('detail.code'),
      value: device.channel === 'browser' && (
        <>
          <Mono>{deviceCode(device.id)}</Mono> <span className="text-ink-3">{t('detail.codeHint')}</span>
        </>
      ),
    },
    { term: t('detail.key'), value: <Mono>{device.keyThumbprint}</Mono> },
    { term: t('detail.enrolled'), value: <Time value={device.enrolledAt} /> },
  ]
}
