'use client'

import { useRouter } from 'next/navigation'
import { useTimeZone, useTranslations } from 'next-intl'
import { useState } from 'react'
import { keepPreference } from '#components/shell/preference-cookie.ts'
import { Select } from '#components/ui/input.tsx'
import { zoneOffset } from '#components/ui/time-format.ts'

/** The zone of every time on the page; kept for this browser. The long list is made when somebody reaches for it. */
export function ZoneSelect() {
  const t = useTranslations('audit')
  const router = useRouter()
  const current = useTimeZone() ?? 'UTC'
  const [zones, setZones] = useState([...new Set([current, 'UTC'])])
  const all = () => setZones([...new Set([current, 'UTC', ...Intl.supportedValuesOf('timeZone')])])
  return (
    <Select
      aria-label={t('zone.label')}
      className="w-44 max-sm:flex-1"
      options={zones.map((zone) => ({
        value: zone,
        label: zone === 'UTC' ? zone : `${zoneOffset(new Date(), zone)} ${zone}`,
      }))}
      value={current}
      onPointerDown={all}
      onFocus={all}
      onChange={(event) => {
        keepPreference('timeZone', event.currentTarget.value)
        router.refresh()
      }}
    />
  )
}
