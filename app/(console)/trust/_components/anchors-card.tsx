import { useFormatter, useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Card, Panel } from '#components/ui/card.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import type { AnchorView, Trust } from '#server/audit/schema.ts'
import { AddAnchor } from './add-anchor.tsx'
import { RemoveAnchor } from './remove-anchor.tsx'

type Props = { trust: Trust; mayChange: boolean }

/** The witnesses, how far each of them is and what stands in its way. */
export function WitnessesCard({ trust, mayChange }: Props) {
  const t = useTranslations('trust.witnesses')
  return <AnchorsCard kind="witness" title={t('title')} text={t('text')} none={t('none')} {...{ trust, mayChange }} />
}

/** Where checkpoints are mailed to, and the last that was accepted. */
export function MailCard({ trust, mayChange }: Props) {
  const t = useTranslations('trust.mail')
  return (
    <AnchorsCard kind="mail" title={t('title')} text={t('text')} none={t('none')} {...{ trust, mayChange }}>
      {!trust.hasMail && <Notice className="my-2">{t('notSetUp')}</Notice>}
    </AnchorsCard>
  )
}

type CardProps = Props & { kind: AnchorView['kind']; title: string; text: string; none: string; children?: ReactNode }

function AnchorsCard({ kind, title, text, none, trust, mayChange, children }: CardProps) {
  const anchors = trust.anchors.filter((anchor) => anchor.kind === kind)
  return (
    <Card>
      <Panel title={title} aside={mayChange && <AddAnchor kind={kind} />}>
        <p className="text-ink-2">{text}</p>
        {children}
        {anchors.length === 0 ? (
          <p className="mt-2 text-ink-3">{none}</p>
        ) : (
          <ul className="mt-2">
            {anchors.map((anchor) => (
              <Line key={anchor.id} anchor={anchor} size={trust.size} mayChange={mayChange} />
            ))}
          </ul>
        )}
      </Panel>
    </Card>
  )
}

function Line({ anchor, size, mayChange }: { anchor: AnchorView; size: number; mayChange: boolean }) {
  const t = useTranslations('trust')
  const { id, kind, name, place, problem, detail, triedAt } = anchor
  return (
    <li className="flex items-start gap-3 border-b border-line py-2 last:border-0">
      <div className="min-w-0 flex-1">
        <p className="font-semibold break-words">{name}</p>
        {kind === 'witness' && <Mono className="block break-all">{place}</Mono>}
        <Held anchor={anchor} size={size} />
        {problem && (
          <p className="text-danger">
            {t(`problem.${problem}`)}
            {triedAt && (
              <span className="text-ink-2">
                {` · ${t('anchor.tried')} `}
                <RelativeTime value={triedAt} />
              </span>
            )}
            {detail && <span className="block break-words text-ink-3">{t('anchor.say', { detail })}</span>}
          </p>
        )}
      </div>
      {mayChange && <RemoveAnchor id={id} kind={kind} name={name} />}
    </li>
  )
}

function Held({ anchor, size }: { anchor: AnchorView; size: number }) {
  const t = useTranslations('trust.anchor')
  const format = useFormatter()
  if (anchor.anchoredAt === null || anchor.size === null) return <p className="text-ink-2">{t('nothing')}</p>
  const lag = Math.max(0, size - anchor.size)
  return (
    <p className="flex flex-wrap items-center gap-x-2 text-ink-2" title={format.number(anchor.size)}>
      <span>{t('holds', { size: anchor.size })}</span>
      <RelativeTime value={anchor.anchoredAt} />
      <Tag tone={lag === 0 ? 'ok' : 'neutral'}>{t('lag', { count: lag })}</Tag>
    </p>
  )
}
