import { useFormatter, useTranslations } from 'next-intl'
import { buttonClass } from '#components/ui/button-class.ts'
import { Card, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { WIPE_SCOPES, type WipeReceiptView } from '#server/devices/schema.ts'

/** What the device signed, and whether the signature holds now. */
export function ReceiptCard({ wipeId, receipt }: { wipeId: string; receipt: WipeReceiptView }) {
  const t = useTranslations('wipe')
  const format = useFormatter()
  const scope = WIPE_SCOPES.find((known) => known === receipt.scope)
  const verdict = receipt.verified ? (
    <Tag tone="ok">{t('receipt.verified')}</Tag>
  ) : (
    <Tag tone="danger">{t('receipt.broken')}</Tag>
  )
  return (
    <Card className="mt-4">
      <Panel title={t('receipt.title')} aside={verdict}>
        <p className="text-ink-2">{t(receipt.verified ? 'receipt.verifiedText' : 'receipt.brokenText')}</p>
        <DefinitionList
          items={[
            {
              term: t('receipt.result'),
              value:
                receipt.result === 'erased' ? t('receipt.erased') : t('receipt.failed', { code: receipt.code ?? '–' }),
            },
            {
              term: t('receipt.what'),
              value: t('receipt.counts', { files: receipt.files, bytes: format.number(receipt.bytes) }),
            },
            { term: t('field.scope'), value: scope ? t(`scope.${scope}`) : null },
            { term: t('receipt.at'), value: <Time value={receipt.at} precision="second" /> },
            { term: t('receipt.key'), value: <Mono>{receipt.thumbprint}</Mono> },
          ]}
        />
        <a href={`/api/v1/wipes/${wipeId}/receipt`} download className={buttonClass()}>
          {t('receipt.download')}
        </a>
      </Panel>
    </Card>
  )
}
