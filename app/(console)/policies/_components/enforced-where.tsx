'use client'

import { useTranslations } from 'next-intl'
import { Tag } from '#components/ui/tag.tsx'
import { CAPTURE_MECHANISMS, PLATFORMS } from '#protocol/policy/platforms.ts'
import type { Operation } from './policy-text.ts'

/** Where a setting holds and where it can only be noticed: from the list of mechanisms, never a promise. */
export function EnforcedWhere({ operation }: { operation: Operation }) {
  const t = useTranslations('policies')
  return (
    <span className="flex flex-wrap gap-1">
      {operation === 'screenshot' ? (
        <CaptureTags />
      ) : (
        <>
          <Tag tone="ok">{t('enforce.apps')}</Tag>
          <Tag>{t('enforce.browserBestEffort')}</Tag>
          {operation === 'download' && <Tag tone="ok">{t('enforce.server')}</Tag>}
        </>
      )}
    </span>
  )
}

function CaptureTags() {
  const t = useTranslations('policies')
  const sorted = PLATFORMS.toSorted(
    (a, b) => Number(Boolean(CAPTURE_MECHANISMS[b])) - Number(Boolean(CAPTURE_MECHANISMS[a])),
  )
  return sorted.map((platform) => {
    const mechanism = CAPTURE_MECHANISMS[platform]
    const name = t(`platform.${platform}`)
    return mechanism ? (
      <Tag key={platform} tone="ok" title={`${mechanism.name}, ≥ ${mechanism.minOsVersion}`}>
        {t('enforce.prevents', { platform: name })}
      </Tag>
    ) : (
      <Tag key={platform} tone="warn">
        {t('enforce.notices', { platform: name })}
      </Tag>
    )
  })
}
