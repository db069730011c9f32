'use client'

import { useTranslations } from 'next-intl'
import { Card } from '#components/ui/card.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { escapeForDisplay } from '#lib/text.ts'
import type { ImportPreview } from '#server/audit/schema.ts'
import { WhyRejected } from './rejected-line.tsx'

type Row = ImportPreview['rows'][number]
type Good = Extract<Row, { action: string }>

/** The first rows as they would stand in the log; a bad one says what is wrong with it. */
export function PreviewTable({ rows }: { rows: readonly Row[] }) {
  const t = useTranslations('imports.preview')
  return (
    <Card clip>
      <div className="overflow-x-auto">
        <table className="w-full text-left">
          <caption className="px-3 py-2 text-left text-ink-2">{t('caption', { count: rows.length })}</caption>
          <thead className="border-y border-line text-ink-3">
            <tr>
              {(['line', 'at', 'action', 'outcome', 'actor', 'target', 'rest'] as const).map((column) => (
                <th key={column} scope="col" className="px-3 py-1.5 font-normal whitespace-nowrap">
                  {t(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.line} className="border-b border-line last:border-0">
                <td className="px-3 py-1 text-ink-3 tabular-nums">{row.line}</td>
                {'code' in row ? <BadCells row={row} /> : <GoodCells row={row} />}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  )
}

function BadCells({ row }: { row: Exclude<Row, Good> }) {
  const t = useTranslations('imports.preview')
  return (
    <td colSpan={6} className="px-3 py-1">
      <Tag tone="danger">{t('rejected')}</Tag> <WhyRejected of={row} />
    </td>
  )
}

function GoodCells({ row }: { row: Good }) {
  const common = useTranslations('common')
  const { action, outcome, actor, target, labels, address, reason, detail, id } = row
  const rest = {
    id,
    ...(address && { address }),
    ...(reason && { reason }),
    ...(labels.length > 0 && { labels: labels.join(', ') }),
    ...detail,
  }
  const text = Object.entries(rest)
    .map(([name, value]) => `${name}: ${value}`)
    .join(' · ')
  return (
    <>
      <td className="px-3 py-1 whitespace-nowrap">
        <Time value={row.at} precision="second" />
      </td>
      <td className="px-3 py-1">
        <Mono>{action}</Mono>
      </td>
      <td className="px-3 py-1">{common(`outcome.${outcome}`)}</td>
      <td className="max-w-48 truncate px-3 py-1">
        {escapeForDisplay(actor?.name ?? actor?.email ?? actor?.id ?? '')}
      </td>
      <td className="max-w-48 truncate px-3 py-1">{escapeForDisplay(target?.name ?? target?.id ?? '')}</td>
      <td className="max-w-80 truncate px-3 py-1 text-ink-2" title={escapeForDisplay(text)}>
        {escapeForDisplay(text)}
      </td>
    </>
  )
}
