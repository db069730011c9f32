'use client'

import { useTranslations } from 'next-intl'
import { SelectField, TextField } from '#components/form/fields.tsx'
import { Switch } from '#components/ui/check.tsx'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import { useWas } from './setting-text.ts'

type Devices = PolicyDocument['devices']

const MINIMUMS = ['agent', 'ios', 'android', 'windows', 'macos', 'linux', 'browser'] as const

export function DevicesFields({ devices, inForce }: { devices: Devices; inForce: Devices }) {
  const t = useTranslations('policies')
  const was = useWas()
  return (
    <>
      <div className="mt-3 grid gap-x-4 sm:grid-cols-3">
        <TextField
          name="devices.maxPerPerson"
          label={t('field.devices.maxPerPerson')}
          hint={was('devices.maxPerPerson', devices.maxPerPerson, inForce.maxPerPerson) ?? t('hint.maxPerPerson')}
          inputMode="numeric"
          defaultValue={devices.maxPerPerson ?? ''}
        />
        <TextField
          name="devices.offlineHours"
          label={t('field.devices.offlineHours')}
          hint={was('devices.offlineHours', devices.offlineHours, inForce.offlineHours) ?? t('hint.offlineHours')}
          inputMode="numeric"
          defaultValue={devices.offlineHours}
        />
        <SelectField
          name="devices.approval"
          label={t('field.devices.approval')}
          hint={was('devices.approval', devices.approval, inForce.approval)}
          defaultValue={devices.approval}
          options={(['auto', 'manual'] as const).map((value) => ({ value, label: t(`value.${value}`) }))}
        />
      </div>
      <Browsers browser={devices.browser} inForce={inForce.browser} />
      <Minimums devices={devices} inForce={inForce} />
    </>
  )
}

type BrowsersProps = { browser: Devices['browser']; inForce: Devices['browser'] }

function Browsers({ browser: { enrol, offlineContent }, inForce }: BrowsersProps) {
  const t = useTranslations('policies')
  const was = useWas()
  return (
    <div className="grid gap-x-4 sm:grid-cols-3">
      <SelectField
        name="devices.browser.enrol"
        label={t('field.devices.browser.enrol')}
        hint={was('devices.browser.enrol', enrol, inForce.enrol) ?? t('hint.browserEnrol')}
        defaultValue={enrol}
        options={(['allow', 'block'] as const).map((value) => ({ value, label: t(`value.${value}`) }))}
      />
      <Switch
        name="devices.browser.offlineContent"
        label={t('field.devices.browser.offlineContent')}
        hint={was('devices.browser.offlineContent', offlineContent, inForce.offlineContent) ?? t('hint.offlineContent')}
        defaultChecked={offlineContent}
        className="mb-4 sm:col-span-2 sm:self-center"
      />
    </div>
  )
}

function Minimums({ devices, inForce }: { devices: Devices; inForce: Devices }) {
  const t = useTranslations('policies')
  const was = useWas()
  return (
    <fieldset className="min-w-0">
      <legend className="font-semibold">{t('hint.minAppVersion')}</legend>
      <p className="mb-2 text-ink-2">{t('hint.minAppVersionText')}</p>
      <div className="grid grid-cols-2 gap-x-4 sm:grid-cols-4">
        {MINIMUMS.map((name) => (
          <TextField
            key={name}
            name={`devices.minAppVersion.${name}`}
            label={t(`field.devices.minAppVersion.${name}`)}
            hint={was(`devices.minAppVersion.${name}`, devices.minAppVersion[name], inForce.minAppVersion[name])}
            mono
            defaultValue={devices.minAppVersion[name] ?? ''}
          />
        ))}
      </div>
    </fieldset>
  )
}
