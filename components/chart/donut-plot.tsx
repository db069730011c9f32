'use client'

import { Pie, PieChart, ResponsiveContainer } from 'recharts'
import { type Slice, toneColor } from './series.ts'

/** Drawn by recharts, loaded only when a page shows it. */
export function DonutPlot({ slices }: { slices: Slice[] }) {
  const data = slices.map((slice) => ({ name: slice.label, value: slice.value, fill: toneColor[slice.tone] }))
  return (
    <ResponsiveContainer width="100%" height="100%">
      <PieChart accessibilityLayer={false}>
        <Pie
          data={data}
          dataKey="value"
          innerRadius="72%"
          outerRadius="100%"
          startAngle={90}
          endAngle={-270}
          stroke="var(--surface)"
          isAnimationActive={false}
          rootTabIndex={-1}
        />
      </PieChart>
    </ResponsiveContainer>
  )
}
