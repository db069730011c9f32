'use client'

import { Area, AreaChart, Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import { type Series, type StackedRow, toneColor } from './series.ts'

const axis = { tickLine: false, axisLine: false, tick: { fill: 'var(--ink-3)', fontSize: 11 } }

/** Drawn by recharts, loaded only when a page shows it. */
export function StackedPlot({ series, rows, shape }: { series: Series[]; rows: StackedRow[]; shape: 'bars' | 'area' }) {
  const data = rows.map((row) => ({ label: row.label, ...row.values }))
  const frame = [
    <CartesianGrid key="grid" vertical={false} stroke="var(--line)" />,
    <XAxis key="x" dataKey="label" {...axis} />,
    <YAxis key="y" width={36} allowDecimals={false} {...axis} />,
    <Tooltip
      key="tip"
      contentStyle={tip}
      itemStyle={{ color: 'var(--ink)' }}
      labelStyle={{ color: 'var(--ink-2)' }}
      cursor={{ fill: 'var(--sunken)' }}
    />,
  ]
  return (
    <ResponsiveContainer width="100%" height="100%">
      {shape === 'bars' ? (
        <BarChart data={data} accessibilityLayer={false}>
          {frame}
          {series.map(({ key, label, tone }) => (
            <Bar key={key} dataKey={key} name={label} stackId="all" fill={toneColor[tone]} isAnimationActive={false} />
          ))}
        </BarChart>
      ) : (
        <AreaChart data={data} accessibilityLayer={false}>
          {frame}
          {series.map(({ key, label, tone }) => (
            <Area
              key={key}
              dataKey={key}
              name={label}
              stackId="all"
              stroke={toneColor[tone]}
              fill={toneColor[tone]}
              fillOpacity={0.25}
              isAnimationActive={false}
            />
          ))}
        </AreaChart>
      )}
    </ResponsiveContainer>
  )
}

const tip = { background: 'var(--surface)', border: '1px solid var(--line)', borderRadius: 6, fontSize: 12 }
