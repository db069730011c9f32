import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { COUNTING_RULES } from '../_counting.ts'

/** How openings are counted, so that none is counted twice. */
export function HowCounted() {
  const t = useTranslations('whoSaw')
  return (
    <Card className="mt-4">
      <Panel>
        <details>
          <summary className="cursor-pointer py-0.5 font-semibold max-sm:py-2.5">{t('how.title')}</summary>
          <ul className="mt-1 list-disc pl-5 text-ink-2">
            {COUNTING_RULES.map((rule) => (
              <li key={rule} className="max-w-prose py-0.5">
                {t(`how.${rule}`)}
              </li>
            ))}
          </ul>
        </details>
      </Panel>
    </Card>
  )
}
