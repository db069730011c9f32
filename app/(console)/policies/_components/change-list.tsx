import { useTranslations } from 'next-intl'
import { Diff, type DiffLine } from '#components/ui/diff.tsx'
import { Tag } from '#components/ui/tag.tsx'
import type { PolicyChange, PolicyValue } from '#protocol/policy/diff.ts'
import { isPolicyPath, shownValue } from './policy-text.ts'

/** Changes line by line, and how many of them loosen or tighten. */
export function ChangeList({ changes, label }: { changes: readonly PolicyChange[]; label: string }) {
  const t = useTranslations('policies')
  const count = (direction: PolicyChange['direction']) =>
    changes.filter((change) => change.direction === direction).length
  const text = (path: string, value: PolicyValue) => {
    const shown = shownValue(path, value)
    return `${nameOf(path)}: ${'word' in shown ? t(`value.${shown.word}`) : shown.text}`
  }
  const nameOf = (path: string) => {
    const minimum = path.startsWith('devices.minAppVersion.') ? `${t('hint.minAppVersion')}, ` : ''
    return isPolicyPath(path) ? `${minimum}${t(`field.${path}`)}` : path
  }
  const lines = changes.flatMap(({ path, before, after }): DiffLine[] => [
    { kind: 'removed', text: text(path, before) },
    { kind: 'added', text: text(path, after) },
  ])
  const [looser, tighter] = [count('looser'), count('tighter')]
  return (
    <>
      {looser + tighter > 0 && (
        <p className="flex flex-wrap gap-1.5 px-3.5 pt-2.5">
          {looser > 0 && <Tag tone="warn">{t('review.looser', { count: looser })}</Tag>}
          {tighter > 0 && <Tag tone="ok">{t('review.tighter', { count: tighter })}</Tag>}
        </p>
      )}
      <Diff lines={lines} label={label} />
    </>
  )
}
