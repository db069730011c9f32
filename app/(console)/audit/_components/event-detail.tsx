import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { nameWords } from '#components/audit/name-words.ts'
import { ResultBadge } from '#components/audit/result-badge.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Code } from '#components/ui/mono.tsx'
import { getAuditEvent } from '#server/audit/queries.ts'
import type { AuditEventView, NamesShown } from '#server/audit/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { actionWords } from '../_action-words.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { CloseEvent } from './close-event.tsx'
import { CopyEventLink } from './copy-event-link.tsx'
import { DetailValues } from './detail-values.tsx'
import { EnforcementTruth } from './enforcement-truth.tsx'
import { EventFacts, EventIds } from './event-facts.tsx'
import { EventPivots } from './event-pivots.tsx'
import { ProofBox } from './proof-box.tsx'
import { RevealPerson } from './reveal-person.tsx'
import { withoutViewing } from './viewing-facts.tsx'

type Props = {
  actor: PersonActor
  ask: { q: string; from?: string; to?: string }
  params: AuditParams
  eventId: string
  shown: NamesShown
}

/** One event beside the list: what it says, how we know, where to go from here, and its proof. */
export async function EventDetail({ actor, ask, params, eventId, shown }: Props) {
  const t = await getTranslations('audit')
  const actions = await getTranslations('actions')
  const { event, entry, namesNow } = await getAuditEvent(actor, { ...ask, eventId }).catch((error: unknown) => {
    if (isAppError(error) && (error.code === 'not_found' || error.code === 'invalid')) notFound()
    throw error
  })
  const detail = event.detail && withoutViewing(event.detail)
  return (
    <Card className="min-w-0">
      <Panel title={actionWords(actions, event.action)} aside={<CloseEvent href={auditHref(params)} />}>
        <Summary event={event} />
        <EventFacts event={event} namesNow={namesNow} />
        <EnforcementTruth event={event} actor={actor} />
        {detail && Object.keys(detail).length > 0 && (
          <DetailValues
            detail={detail}
            names={namesNow}
            isOurs={event.knownFrom === 'server' || event.knownFrom === 'device'}
          />
        )}
        {event.isErased && <p className="mb-2 text-ink-2">{t('event.erased')}</p>}
        <RevealPerson event={event} shown={shown} />
        <EventPivots actor={actor} event={event} />
        <div className="mt-2">
          <CopyEventLink eventId={event.id} label={t('link.event')} />
        </div>
        <EventIds event={event} />
        {entry !== null && (
          <details>
            <summary className="cursor-pointer py-0.5 text-ink-2 max-sm:py-2.5">{t('event.raw')}</summary>
            <Code className="mt-1">{JSON.stringify(JSON.parse(entry), null, 2)}</Code>
          </details>
        )}
      </Panel>
      <ProofBox actor={actor} eventId={event.id} hasFile={entry !== null} />
    </Card>
  )
}

async function Summary({ event }: { event: AuditEventView }) {
  const [t, common] = await Promise.all([getTranslations('audit'), getTranslations('common')])
  const names = await getTranslations('names')
  const called = ({ id, name }: { id: string; name?: string | undefined }) => nameWords(names, name ?? id)
  return (
    <p className="text-ink-2 wrap-anywhere">
      {event.enforcement && event.enforcement !== 'none' ? (
        common(`enforcementWords.${event.enforcement}`)
      ) : (
        <ResultBadge outcome={event.outcome} />
      )}
      {event.device && ` ${t('event.on', { device: called(event.device) })}`}
      {event.target && event.target.id !== event.device?.id && ` “${called(event.target)}”`}
    </p>
  )
}
