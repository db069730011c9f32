import { useFormatter, useTranslations } from 'next-intl'
import { Panel } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Code, Mono } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { Trust } from '#server/audit/schema.ts'
import { STANDING_TONES, sentenceOf, standingOf } from '../_standing.ts'

/** How the log stands, why it is called so, and the key it is signed with. */
export function StatePanel({ trust, mayChange }: { trust: Trust; mayChange: boolean }) {
  const t = useTranslations('trust')
  const audit = useTranslations('audit.trust')
  const standing = standingOf(trust)
  const { key, at, ...values } = sentenceOf(trust)
  return (
    <Panel title={audit('state')} aside={<Tag tone={STANDING_TONES[standing]}>{t(`standing.${standing}`)}</Tag>}>
      <p className="text-ink-2">
        {t.rich(`sentence.${key}`, { ...values, at: () => <Time value={at} precision="minute" /> })}
      </p>
      <WayOut trust={trust} mayChange={mayChange} />
      <Facts trust={trust} />
    </Panel>
  )
}

function WayOut({ trust: { state, isFrozen }, mayChange }: { trust: Trust; mayChange: boolean }) {
  const t = useTranslations('trust')
  const isForked = isFrozen || state === 'behind' || state === 'different'
  if (!isForked && state !== 'key_missing') return null
  return (
    <Notice tone="danger" className="my-3">
      <p>{t(isForked ? 'frozen' : 'keyMissing')}</p>
      {mayChange && (
        <p className="mt-2">
          <ButtonLink href="/trust/new-epoch" variant="danger">
            {t('newEpoch.open')}
          </ButtonLink>
        </p>
      )}
    </Notice>
  )
}

function Facts({ trust: { size, epoch, origin, vkey, fingerprint, verified } }: { trust: Trust }) {
  const t = useTranslations('trust')
  const audit = useTranslations('audit.trust')
  const format = useFormatter()
  return (
    <DefinitionList
      items={[
        { term: audit('events'), value: format.number(size) },
        { term: audit('origin'), value: <Mono className="break-all">{origin}</Mono> },
        { term: t('epoch'), value: epoch > 1 ? format.number(epoch) : null },
        { term: audit('vkey'), value: vkey ? <Copied value={vkey} /> : audit('noKey') },
        { term: t('fingerprint'), value: fingerprint && <Mono className="break-all">SHA256:{fingerprint}</Mono> },
        { term: audit('verified'), value: verified && <Verified verified={verified} /> },
      ]}
    />
  )
}

function Copied({ value }: { value: string }) {
  return (
    <>
      <Code>{value}</Code>
      <div className="mt-1">
        <CopyButton value={value} small />
      </div>
    </>
  )
}

function Verified({ verified }: { verified: NonNullable<Trust['verified']> }) {
  const t = useTranslations('audit.trust')
  return (
    <>
      <Time value={verified.at} precision="second" />{' '}
      <Tag tone={verified.ok ? 'ok' : 'danger'}>{t(verified.ok ? 'wasOk' : 'wasNot')}</Tag>
    </>
  )
}
