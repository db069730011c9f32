'use client'

import dynamic from 'next/dynamic'
import { useFormatter, useTranslations } from 'next-intl'
import { Legend } from './legend.tsx'
import type { Series, StackedRow } from './series.ts'

const Plot = dynamic(() => import('./stacked-plot.tsx').then((module) => module.StackedPlot), { ssr: false })

type Props = { label: string; series: Series[]; rows: StackedRow[]; shape?: 'bars' | 'area' }

/** Parts of a whole along a row of groups or days. The picture is for the eye; the figures are a table for everyone else. */
export function StackedChart({ label, series, rows, shape = 'bars' }: Props) {
  const t = useTranslations('common')
  const format = useFormatter()
  return (
    <figure>
      <div aria-hidden className="h-44">
        <Plot series={series} rows={rows} shape={shape} />
      </div>
      <Legend items={series} />
      <table className="sr-only">
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">{t('chart.group')}</th>
            {series.map((one) => (
              <th key={one.key} scope="col">
                {one.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.label}>
              <th scope="row">{row.label}</th>
              {series.map((one) => (
                <td key={one.key}>{format.number(row.values[one.key] ?? 0)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  )
}
