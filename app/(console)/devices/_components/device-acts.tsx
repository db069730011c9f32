import { getTranslations } from 'next-intl/server'
import { Button } from '#components/ui/button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { type CannotReason, type DeviceView, deviceCan } from '#server/devices/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { approve, block, retire, unblock } from '../actions.ts'
import { ActForm } from './act-form.tsx'

/** What may be done now; what may not is disabled with its reason. Stopping comes first, erasing second. */
export async function DeviceActs({ device, actor }: { device: DeviceView; actor: PersonActor }) {
  const t = await getTranslations('devices')
  const mayWrite = actor.permissions.has('devices:write')
  const mayWipe = actor.permissions.has('devices:wipe')
  const reason = (verdict: true | CannotReason, permitted: boolean) => {
    if (!permitted) return t('cannot.not_permitted')
    return verdict === true ? null : t(`cannot.${verdict}`)
  }
  const eraseReason = reason(deviceCan.wipe(device), mayWipe)
  return (
    <div className="mt-3 flex flex-wrap items-start gap-2 max-sm:flex-col max-sm:*:w-full">
      {device.status === 'pending' && (
        <ActForm
          action={approve.bind(null, device.id)}
          label={t('act.approve')}
          variant="primary"
          disabledReason={reason(true, mayWrite)}
        />
      )}
      {device.status === 'blocked' ? (
        <ActForm
          action={unblock.bind(null, device.id)}
          label={t('act.unblock')}
          disabledReason={reason(deviceCan.unblock(device), mayWrite)}
        />
      ) : (
        <ActForm
          action={block.bind(null, device.id)}
          label={t('act.block')}
          variant="danger"
          disabledReason={reason(deviceCan.block(device), mayWrite)}
        />
      )}
      {device.openWipeId && <ButtonLink href={`/wipes/${device.openWipeId}`}>{t('act.seeErase')}</ButtonLink>}
      {!device.openWipeId && eraseReason && <Button disabledReason={eraseReason}>{t('act.erase')}…</Button>}
      {!device.openWipeId && !eraseReason && (
        <ButtonLink href={`/devices/${device.id}/erase`}>{t('act.erase')}…</ButtonLink>
      )}
      {device.status !== 'retired' && (
        <ActForm
          action={retire.bind(null, device.id)}
          label={t('act.retire')}
          disabledReason={reason(deviceCan.retire(device), mayWrite)}
        />
      )}
    </div>
  )
}
