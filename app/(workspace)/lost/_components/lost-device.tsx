'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { type DeviceView, deviceCan } from '#server/devices/schema.ts'
import { blockMine, undoErase } from '../actions.ts'

/** One of the person's devices and what can be done about it: stop first, at once; erase second. */
export function LostDevice({ device }: { device: DeviceView }) {
  const t = useTranslations('workspace')
  const isAsked = device.openWipeId !== null && device.status !== 'wiping'
  const canBlock = deviceCan.block(device) === true
  const canErase = deviceCan.wipe(device) === true
  return (
    <li className="border-b border-line py-3 last:border-0">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <bdi className="font-semibold wrap-anywhere">{device.name}</bdi>
        <Tag tone={device.status === 'active' ? 'ok' : device.status === 'pending' ? 'warn' : 'neutral'}>
          {t(`status.${device.status}`)}
        </Tag>
      </p>
      <p className="text-ink-2">
        {device.osVersion} · {t.rich('me.lastSeen', { when: () => <RelativeTime value={device.lastSeenAt} /> })}
      </p>
      {(device.status === 'blocked' || device.status === 'wiping') && (
        <p className="text-ink-2">
          {t(device.status === 'wiping' ? 'lost.isWiping' : isAsked ? 'lost.isAsked' : 'lost.isBlocked')}{' '}
          {t(`lost.reach.${device.reach}`)}
        </p>
      )}
      <div className="mt-2 flex flex-wrap gap-2">
        <FormShell action={blockMine.bind(null, device.id)} label={t('lost.blockOne', { device: device.name })}>
          {canBlock ? (
            <SubmitButton>{t('lost.block')}</SubmitButton>
          ) : (
            <Button disabledReason={t('lost.cannotBlock')}>{t('lost.block')}</Button>
          )}
        </FormShell>
        {canErase && <ButtonLink href={`/lost/${device.id}/erase`}>{t('lost.eraseAsk')}</ButtonLink>}
        {isAsked && device.openWipeId && (
          <FormShell
            action={undoErase.bind(null, device.openWipeId)}
            label={t('lost.undoOne', { device: device.name })}
          >
            <StepUpField onlyWhenAsked />
            <SubmitButton variant="default">{t('lost.undo')}</SubmitButton>
          </FormShell>
        )}
      </div>
    </li>
  )
}
