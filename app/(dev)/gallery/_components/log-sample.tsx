import { ActionTag, LabelTags } from '#components/audit/event-tags.tsx'
import { ResultBadge } from '#components/audit/result-badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Histogram } from '#components/ui/histogram.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { SampleTable } from './sample-table.tsx'

const week = Array.from({ length: 84 }, (_, index) => ({
  start: new Date(Date.UTC(2026, 10, 16) + index * 7_200_000).toISOString(),
  count: Math.round(Math.abs(Math.sin((index / 12) * Math.PI)) * 460 + ((index * 37) % 90)),
  flagged: index % 5 === 2 ? 60 : 0,
}))

export function LogSample() {
  return (
    <>
      <Histogram buckets={week} from="2026-11-16T00:00:00.000Z" to="2026-11-23T00:00:00.000Z" />
      <div className="mt-3 grid grid-cols-[minmax(0,1fr)_288px] gap-4 max-lg:grid-cols-1">
        <SampleTable />
        <Card className="self-start">
          <Panel title="Screenshot attempt">
            <p className="text-ink-2">prevented on HT-WIN-0417 while viewing “Project Merger — board deck.pdf”</p>
            <DefinitionList
              items={[
                { term: 'Actor', value: 'Chen Yu · Finance' },
                {
                  term: 'When',
                  value: <Time value="2026-11-22T01:41:07.318Z" zone="Asia/Shanghai" precision="millisecond" />,
                },
                { term: 'Result', value: <ResultBadge outcome="denied" enforcement="prevented" /> },
                { term: 'Address', value: <Mono>10.24.8.119</Mono> },
                { term: 'Action', value: <ActionTag action="screenshot.attempt" words="Screenshot attempt" /> },
                { term: 'Labels', value: <LabelTags labels={['confidential', 'finance']} /> },
              ]}
            />
            <div className="flex flex-wrap gap-2">
              <Button>All by Chen Yu</Button>
              <Button>± 5 min on this device</Button>
            </div>
          </Panel>
          <CardFoot>
            <div className="flex items-center justify-between">
              <b>Proof</b>
              <Tag tone="ok">Not altered since 09:41</Tag>
            </div>
            <Mono>#51,203,977 in tree 51,204,118</Mono>
            <p className="text-ink-3">Signed by this tenant’s log key, cosigned by 1 witness.</p>
          </CardFoot>
        </Card>
      </div>
    </>
  )
}
