import type { Slice } from '#components/chart/series.ts'
import { formatMark } from '#components/ui/time-format.ts'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import { isAppVersionAccepted } from '#protocol/policy/evaluate.ts'
import { compareVersions } from '#protocol/policy/versions.ts'
import type { CaptureDays } from '#server/audit/queries.ts'
import type { DeviceOverview } from '#server/devices/queries.ts'

type Groups = DeviceOverview['groups']
type Names = {
  below: (version: string) => string
  current: (version: number) => string
  older: (version: number) => string
  none: string
  rest: string
}

const TONES = ['accent', 'violet', 'ok', 'warn', 'neutral', 'danger'] as const
const SHOWN = 5

/** Devices in service by platform, most first. */
export function platformSlices(groups: Groups, nameOf: (platform: string) => string): Slice[] {
  const mostFirst = [...sums(groups, ({ platform }) => platform)].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return mostFirst.map(([platform, value], index) => ({
    key: platform,
    label: nameOf(platform),
    value,
    tone: TONES[index % TONES.length] ?? 'neutral',
    href: `/devices?status=active&platform=${platform}`,
  }))
}

/** By app version, newest first; red what the policy's minimum refuses on any platform that runs it. */
export function versionSlices(
  groups: Groups,
  policy: PolicyDocument | null,
  names: Pick<Names, 'below' | 'rest'>,
): Slice[] {
  const refused = new Set(groups.filter((group) => isRefused(policy, group)).map(({ appVersion }) => appVersion))
  const newestFirst = [...sums(groups, ({ appVersion }) => appVersion)].sort(([a], [b]) => compareVersions(b, a) ?? 0)
  const slices = newestFirst.map(
    ([version, value], index): Slice => ({
      key: version,
      label: refused.has(version) ? names.below(version) : version,
      value,
      tone: refused.has(version) ? 'danger' : index === 0 ? 'ok' : 'neutral',
      href: `/devices?status=active&appVersion=${encodeURIComponent(version)}`,
    }),
  )
  return atMost(slices, names.rest)
}

function isRefused(policy: PolicyDocument | null, { platform, appVersion }: Groups[number]): boolean {
  const channel = platform === 'browser' ? 'browser' : 'agent'
  return policy !== null && !isAppVersionAccepted(policy, { platform, channel, appVersion })
}

/** By the newest policy version that was handed over; green the one in force. */
export function policySlices(
  groups: Groups,
  current: number,
  names: Pick<Names, 'current' | 'older' | 'none' | 'rest'>,
): Slice[] {
  const newestFirst = [...sums(groups, ({ policyVersion }) => policyVersion)].sort(([a], [b]) => b - a)
  const slices = newestFirst.map(
    ([version, value]): Slice => ({
      key: String(version),
      label: version === 0 ? names.none : version === current ? names.current(version) : names.older(version),
      value,
      tone: version === current ? 'ok' : version === 0 ? 'neutral' : 'warn',
      href: `/devices?status=active&policyVersion=${version}`,
    }),
  )
  return atMost(slices, names.rest)
}

function sums<K>(groups: Groups, keyOf: (group: Groups[number]) => K): Map<K, number> {
  const found = new Map<K, number>()
  for (const group of groups) found.set(keyOf(group), (found.get(keyOf(group)) ?? 0) + group.count)
  return found
}

/** The first few, and one slice for all others. */
function atMost(slices: Slice[], rest: string): Slice[] {
  if (slices.length <= SHOWN) return slices
  const others = slices.slice(SHOWN).reduce((sum, { value }) => sum + value, 0)
  return [
    ...slices.slice(0, SHOWN),
    { key: 'rest', label: rest, value: others, tone: 'neutral', href: '/devices?status=active' },
  ]
}

/** Attempts to capture by day; the days are those of UTC. */
export function captureRows(days: CaptureDays['days'], locale: string) {
  return days.map(({ start, prevented, noticed }) => ({
    label: formatMark(new Date(start), 'day', locale, 'UTC'),
    values: { prevented, noticed },
  }))
}
