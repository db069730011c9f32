import { useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Time } from '#components/ui/time.tsx'
import type { WipeView } from '#server/devices/schema.ts'
import { StepBy } from './step-by.tsx'
import { WipeStateTag } from './wipe-state.tsx'

/** Every state with its time and who brought it there. */
export function WipeTimeline({ wipe }: { wipe: WipeView }) {
  const t = useTranslations('wipe')
  return (
    <Card className="mt-4">
      <Panel title={t('timeline')}>
        <ol>
          {wipe.timeline.map((step) => (
            <li
              key={`${step.state}${step.at}`}
              className="flex flex-wrap items-center gap-x-3 border-b border-line py-1.5 last:border-0"
            >
              <Mono>
                <Time value={step.at} precision="millisecond" />
              </Mono>
              <WipeStateTag state={step.state} />
              <span className="text-ink-2">
                <StepBy by={step.by} />
              </span>
            </li>
          ))}
        </ol>
      </Panel>
    </Card>
  )
}
