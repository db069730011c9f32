'use client'

import { useRouter } from 'next/navigation'
import { useTimeZone, useTranslations } from 'next-intl'
import { useState } from 'react'
import { keepPreference } from '#components/shell/preference-cookie.ts'
import { Select } from '#components/ui/input.tsx'
import { zoneOffset } from '#components/ui/time-format.ts'

/** Zones that browsers still list by the name they had before. Both names mean the same. */
const NOW_CALLED: Record<string, string> = {
  'Africa/Asmera': 'Africa/Asmara',
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Godthab': 'America/Nuuk',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
}

const nameOf = (zone: string) => NOW_CALLED[zone] ?? zone

/** UTC first, then by the name that is shown. */
function byName(a: string, b: string): number {
  if (a === 'UTC' || b === 'UTC') return a === b ? 0 : a === 'UTC' ? -1 : 1
  return nameOf(a) < nameOf(b) ? -1 : 1
}

/** The zone of every time on the page; kept for this browser. The long list is made when somebody reaches for it. */
export function ZoneSelect() {
  const t = useTranslations('audit')
  const router = useRouter()
  const current = useTimeZone() ?? 'UTC'
  const [zones, setZones] = useState([...new Set([current, 'UTC'])])
  const all = () => setZones([...new Set([current, 'UTC', ...Intl.supportedValuesOf('timeZone')])].sort(byName))
  return (
    <Select
      aria-label={t('zone.label')}
      className="w-48 max-sm:min-w-0 max-sm:flex-1"
      options={zones.map((zone) => ({
        value: zone,
        label: zone === 'UTC' ? zone : `${zoneOffset(new Date(), zone)} ${nameOf(zone)}`,
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
