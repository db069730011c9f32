import { useTranslations } from 'next-intl'
import { cx } from './cx.ts'

export type DiffLine = { kind: 'same' | 'added' | 'removed'; text: string }

const looks: Record<DiffLine['kind'], string> = { same: '', added: 'bg-ok-soft', removed: 'bg-danger-soft' }
const signs: Record<DiffLine['kind'], string> = { same: '', added: '+ ', removed: '− ' }

/** Two versions, line by line. Sign and a word for screen readers carry what the colour shows. */
export function Diff({ lines, label }: { lines: DiffLine[]; label: string }) {
  const t = useTranslations('common')
  if (lines.length === 0) return <p className="px-3.5 py-2.5 text-ink-2">{t('diff.none')}</p>
  return (
    <ul aria-label={label} className="overflow-x-auto py-2.5 font-mono text-mono leading-5">
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a diff is drawn once and its lines repeat
        <li key={index} className={cx('px-3.5 whitespace-pre-wrap', looks[line.kind])}>
          {line.kind !== 'same' && <span className="sr-only">{t(`diff.${line.kind}`)}: </span>}
          <span aria-hidden>{signs[line.kind]}</span>
          {line.text}
        </li>
      ))}
    </ul>
  )
}
