import { getTranslations } from 'next-intl/server'
import { CardFoot } from '#components/ui/card.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { getEventProof } from '#server/audit/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'

type Props = {
  actor: PersonActor
  eventId: string /** The file holds the entry, whose ids lead to names. */
  hasFile: boolean
}

/** Proves the event again each time it is looked at, from tiles to signed root. */
export async function ProofBox({ actor, eventId, hasFile }: Props) {
  const t = await getTranslations('audit')
  const { index, size, leafHash, root, holds, signed, witnessed } = await getEventProof(actor, { eventId })
  return (
    <CardFoot>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-semibold">{t('proof.title')}</h3>
        {!holds ? (
          <Tag tone="danger">{t('proof.broken')}</Tag>
        ) : signed ? (
          <Tag tone="ok">{t.rich('proof.holds', { at: () => <Time value={signed.at} dateless hideZone /> })}</Tag>
        ) : (
          <Tag tone="neutral">{t('proof.waiting')}</Tag>
        )}
      </div>
      <Mono className="block">{t('proof.place', { index, size })}</Mono>
      <Mono className="block" title={`${leafHash} · ${root}`}>
        {t('proof.leaf')} {leafHash.slice(0, 8)}… · {t('proof.root')} {root.slice(0, 8)}…
      </Mono>
      <p className="text-ink-3">
        {!holds
          ? t('proof.brokenText')
          : witnessed
            ? t.rich('proof.witnessed', { name: witnessed.name, at: () => <Time value={witnessed.at} /> })
            : t('proof.text')}
      </p>
      {holds && signed && hasFile && (
        <a className="text-accent hover:underline" href={`/api/v1/audit/events/${eventId}/proof`} download>
          {t('proof.download')}
        </a>
      )}
    </CardFoot>
  )
}
