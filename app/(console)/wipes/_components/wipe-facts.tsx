import { useTranslations } from 'next-intl'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Link } from '#components/ui/link.tsx'
import { Time } from '#components/ui/time.tsx'
import type { WipeView } from '#server/devices/schema.ts'
import { Reason } from './reason.tsx'

export function WipeFacts({ wipe }: { wipe: WipeView }) {
  const t = useTranslations('wipe')
  const { requestedBy, approvals } = wipe
  return (
    <>
      <DefinitionList
        items={[
          { term: t('column.device'), value: <Link href={`/devices/${wipe.deviceId}`}>{wipe.deviceName}</Link> },
          { term: t('column.owner'), value: wipe.personName },
          { term: t('field.scope'), value: t(`scope.${wipe.scope}`) },
          { term: t('column.reason'), value: <Reason reason={wipe.reason} /> },
          {
            term: t('column.by'),
            value: requestedBy.kind === 'api_key' ? t('byKey', { name: requestedBy.name }) : requestedBy.name,
          },
          { term: t('column.asked'), value: <Time value={wipe.createdAt} precision="second" /> },
          { term: t('field.approvals'), value: approvals.map(({ by }) => by.name).join(', ') },
        ]}
      />
      <Link href={`/audit?q=${encodeURIComponent(`device:${wipe.deviceId} action:device.wipe`)}`}>{t('inLog')}</Link>
    </>
  )
}
