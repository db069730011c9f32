'use client'

import dynamic from 'next/dynamic'
import NextLink from 'next/link'
import { useFormatter, useTranslations } from 'next-intl'
import { Swatch } from './legend.tsx'
import { type Slice, toneColor } from './series.ts'

const Plot = dynamic(() => import('./donut-plot.tsx').then((module) => module.DonutPlot), { ssr: false })

/** Parts of one whole. The list beside the ring says the same in words, each part a link to what is behind it. */
export function Donut({ label, slices }: { label: string; slices: Slice[] }) {
  const t = useTranslations('common')
  const format = useFormatter()
  const total = slices.reduce((sum, slice) => sum + slice.value, 0)
  return (
    <figure className="flex items-center gap-5" aria-label={label}>
      <div aria-hidden className="relative size-28 shrink-0">
        <Plot slices={slices} />
        <span className="absolute inset-0 grid place-items-center text-title font-strong">{format.number(total)}</span>
      </div>
      <dl className="min-w-0 flex-1">
        <div className="sr-only">
          <dt>{t('chart.total')}</dt>
          <dd>{format.number(total)}</dd>
        </div>
        {slices.map((slice) => (
          <div key={slice.key} className="flex items-center gap-2 py-0.5 max-sm:py-1.5">
            <dt className="flex min-w-0 flex-1 items-center gap-2 text-ink-2">
              <Swatch color={toneColor[slice.tone]} />
              <span className="truncate">{slice.label}</span>
            </dt>
            <dd>
              {slice.href ? (
                <NextLink
                  href={slice.href}
                  prefetch={false}
                  aria-label={`${slice.label}: ${format.number(slice.value)}`}
                  className="text-accent hover:underline"
                >
                  {format.number(slice.value)}
                </NextLink>
              ) : (
                format.number(slice.value)
              )}
            </dd>
          </div>
        ))}
      </dl>
    </figure>
  )
}
