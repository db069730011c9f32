'use client'

import { useTranslations } from 'next-intl'
import { Tag } from '#components/ui/tag.tsx'
import {
  type GuardedOperation,
  PLATFORMS,
  type Platform,
  TRUTHS,
  type Truth,
  truthOf,
} from '#protocol/policy/platforms.ts'
import { TRUTH_TONES } from './truth-tag.tsx'

/** Where a setting holds and where it can only be noticed: from the table of the platforms, never a promise. */
export function EnforcedWhere({ operation }: { operation: GuardedOperation }) {
  const t = useTranslations('policies')
  return (
    <span className="flex flex-wrap gap-1">
      {groupsOf(operation).map(({ who, truth }) => (
        <Tag key={who} tone={TRUTH_TONES[truth]} className="max-w-full whitespace-normal">
          {t('truth.of', {
            who: who === 'everywhere' || who === 'apps' ? t(`truth.${who}`) : t(`platform.${who}`),
            what: t(`truth.${truth}`),
          })}
        </Tag>
      ))}
    </span>
  )
}

type Group = { who: Platform | 'everywhere' | 'apps'; truth: Truth }

/** One tag for all platforms that are alike, the strongest first. */
function groupsOf(operation: GuardedOperation): Group[] {
  const each = PLATFORMS.map((platform): { who: Platform; truth: Truth } => ({
    who: platform,
    truth: truthOf(platform, operation).truth,
  }))
  const [first, ...others] = each
  if (first && others.every(({ truth }) => truth === first.truth)) return [{ who: 'everywhere', truth: first.truth }]
  const apps = each.filter(({ who }) => who !== 'browser')
  const browser = each.filter(({ who }) => who === 'browser')
  const [app] = apps
  if (app && apps.every(({ truth }) => truth === app.truth)) return [{ who: 'apps', truth: app.truth }, ...browser]
  return each.toSorted((a, b) => TRUTHS.indexOf(a.truth) - TRUTHS.indexOf(b.truth))
}
