import { useFormatter, useTranslations } from 'next-intl'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Code, Mono } from '#components/ui/mono.tsx'
import { EmptyState } from '#components/ui/states.tsx'
import { Time } from '#components/ui/time.tsx'
import type { CheckpointView, Trust } from '#server/audit/schema.ts'

/** The last checkpoints, who cosigned them, and the files of all of them. */
export function CheckpointsCard({ trust: { checkpoints, note } }: { trust: Trust }) {
  const t = useTranslations('audit.trust')
  if (checkpoints.length === 0) {
    return (
      <Card>
        <EmptyState title={t('none')} text={t('noneText')} />
      </Card>
    )
  }
  return (
    <Card>
      <Panel title={t('checkpoints')}>
        <div className="overflow-x-auto">
          <Table checkpoints={checkpoints} />
        </div>
        <Downloads />
      </Panel>
      {note && (
        <CardFoot>
          <h3 className="font-semibold">{t('note')}</h3>
          <Code className="mt-1">{note}</Code>
        </CardFoot>
      )}
    </Card>
  )
}

function Table({ checkpoints }: { checkpoints: CheckpointView[] }) {
  const t = useTranslations('trust')
  const audit = useTranslations('audit.trust')
  const format = useFormatter()
  return (
    <table className="mt-1 w-full border-collapse">
      <thead>
        <tr className="border-b border-line text-left text-ink-3">
          <th className="py-1 font-medium">{audit('signedAt')}</th>
          <th className="py-1 text-right font-medium">{audit('size')}</th>
          <th className="py-1 pl-4 font-medium max-sm:hidden">{audit('root')}</th>
          <th className="py-1 pl-4 font-medium">{t('cosigned')}</th>
        </tr>
      </thead>
      <tbody>
        {checkpoints.map(({ size, root, signedAt, cosignatures }) => (
          <tr key={size} className="h-[30px] border-b border-line last:border-0">
            {/* On a phone the clock goes below the day, not a part of the day. */}
            <td className="break-keep pr-2">
              <Time value={signedAt} precision="second" />
            </td>
            <td className="text-right tabular-nums">{format.number(size)}</td>
            <td className="pl-4 max-sm:hidden">
              <Mono title={root}>{root.slice(0, 12)}…</Mono>
            </td>
            <td
              className="max-w-48 truncate pl-4 max-sm:max-w-28"
              title={cosignatures.map(({ name }) => name).join(', ')}
            >
              {cosignatures.map(({ name }) => name).join(', ') || t('nobody')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Downloads() {
  const t = useTranslations('trust.download')
  return (
    <p className="mt-3 flex flex-wrap gap-x-4 gap-y-1">
      <Link href="/api/v1/audit/checkpoint" download prefetch={false}>
        {t('newest')}
      </Link>
      <Link href="/api/v1/audit/checkpoints" download prefetch={false}>
        {t('all')}
      </Link>
    </p>
  )
}
