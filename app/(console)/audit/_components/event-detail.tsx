import { X } from 'lucide-react'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { LabelTags } from '#components/audit/event-tags.tsx'
import { ResultBadge } from '#components/audit/result-badge.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Code, Mono } from '#components/ui/mono.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { getAuditEvent } from '#server/audit/queries.ts'
import type { AuditEventView, EventDetail as Detail, NamesShown } from '#server/audit/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { isPolicyPath } from '../../policies/_components/policy-text.ts'
import { actionWords } from '../_action-words.ts'
import { nameWords } from '../_name-words.ts'
import { visibleText } from '../_visible-text.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { CopyEventLink } from './copy-event-link.tsx'
import { DetailValues } from './detail-values.tsx'
import { EnforcementTruth } from './enforcement-truth.tsx'
import { EventPivots } from './event-pivots.tsx'
import { ProofBox } from './proof-box.tsx'
import { ActorName, Name } from './pseudonym.tsx'
import { RevealPerson } from './reveal-person.tsx'
import { viewingFacts, withoutViewing } from './viewing-facts.tsx'

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
      <Panel
        title={actionWords(actions, event.action)}
        aside={
          <ButtonLink
            size="small"
            variant="ghost"
            href={auditHref(params)}
            scroll={false}
            aria-label={t('event.close')}
          >
            <X aria-hidden className="size-4" />
          </ButtonLink>
        }
      >
        <Summary event={event} />
        <DefinitionList items={await facts({ event, namesNow })} />
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
        {entry !== null && (
          <details className="mt-3">
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
    <p className="flex flex-wrap items-center gap-x-1.5 text-ink-2">
      {event.enforcement && event.enforcement !== 'none' ? (
        <span>{common(`enforcementWords.${event.enforcement}`)}</span>
      ) : (
        <ResultBadge outcome={event.outcome} />
      )}
      {event.device && <span>{t('event.on', { device: called(event.device) })}</span>}
      {event.target && event.target.id !== event.device?.id && <span>“{called(event.target)}”</span>}
    </p>
  )
}

async function facts({ event, namesNow }: Pick<Detail, 'event' | 'namesNow'>) {
  const t = await getTranslations('audit')
  const [common, names] = await Promise.all([getTranslations('common'), getTranslations('names')])
  const named = (id: string | undefined, name: string | undefined) => {
    const today = id === undefined ? undefined : namesNow[id]
    return (
      <>
        {name !== undefined ? (
          <Name>{name}</Name>
        ) : today !== undefined ? (
          visibleText(today)
        ) : (
          id && <Mono>{visibleText(id)}</Mono>
        )}
        {name !== undefined && today !== undefined && today !== name && (
          <span className="text-ink-3"> {t('event.nowCalled', { name: visibleText(today) })}</span>
        )}
      </>
    )
  }
  const { actor, device, target, policy } = event
  return [
    {
      term: t('event.actor'),
      value: actor.id ? (
        <>
          {actor.kind === 'system' ? (
            <ActorName kind={actor.kind} name={actor.name ?? actor.id} />
          ) : (
            named(actor.id, actor.name)
          )}{' '}
          <span className="text-ink-3">{t(`kind.${actor.kind}`)}</span>
        </>
      ) : actor.name === undefined ? (
        t(`kind.${actor.kind}`)
      ) : (
        <ActorName kind={actor.kind} name={actor.name} />
      ),
    },
    {
      term: t('event.when'),
      value: (
        <>
          <Time value={event.occurredAt} precision="millisecond" />
          {event.clock === 'suspect' && <Tag tone="warn">{t('event.suspect')}</Tag>}
        </>
      ),
    },
    {
      term: t('event.recorded'),
      value: event.recordedAt === event.occurredAt ? null : <Time value={event.recordedAt} precision="millisecond" />,
    },
    { term: t('event.outcome'), value: common(`outcome.${event.outcome}`) },
    { term: t('event.device'), value: device && named(device.id, device.name) },
    {
      term: t('event.target'),
      value: target && (
        <>
          {named(target.id, target.name)} <span className="text-ink-3">{typeWords(t, target.type)}</span>
        </>
      ),
    },
    ...(await viewingFacts(event)),
    {
      term: t('event.policy'),
      value:
        policy &&
        [
          namesNow[policy.id],
          policy.rule
            ? t('event.policyText', { version: policy.version, rule: await ruleWords(policy.rule) })
            : t('event.policyVersion', { version: policy.version }),
        ]
          .filter(Boolean)
          .join(' · '),
    },
    {
      term: t('event.enforcement'),
      value: event.enforcement && common(`enforcementWords.${event.enforcement}`),
    },
    { term: t('event.address'), value: event.address && <Mono>{event.address}</Mono> },
    { term: t('event.app'), value: event.userAgent && visibleText(event.userAgent) },
    {
      term: t('event.knownFrom'),
      value: t(`knownFrom.${event.knownFrom}`, {
        source: visibleText(event.source.slice(event.source.indexOf(':') + 1)),
      }),
    },
    {
      term: t('event.labels'),
      value: event.labels.length > 0 ? <LabelTags labels={event.labels.map(visibleText)} /> : null,
    },
    {
      term: t('event.reason'),
      value: event.reason
        ? await reasonWords(event.action, event.reason)
        : event.hidden?.includes('reason')
          ? names('hidden')
          : undefined,
    },
    {
      term: t('event.words'),
      value: event.words ? visibleText(event.words) : event.hidden?.includes('words') ? names('hidden') : undefined,
    },
    { term: t('event.id'), value: <Mono className="break-all">{event.id}</Mono> },
    {
      term: t('event.senderId'),
      value: event.senderId && <Mono className="break-all">{visibleText(event.senderId)}</Mono>,
    },
    {
      term: t('event.related'),
      value: event.correlationId && <Mono className="break-all">{visibleText(event.correlationId)}</Mono>,
    },
  ]
}

/** The setting of the policy that decided, by the name it has there. */
async function ruleWords(rule: string): Promise<string> {
  const [t, policies] = await Promise.all([getTranslations('audit'), getTranslations('policies')])
  if (rule === 'data.view') return t('event.ruleView')
  const path = [rule, `${rule}.mode`].find(isPolicyPath)
  return path ? policies(`field.${path}`) : visibleText(rule)
}

/** Reasons of an erase are chosen from a list; any other is the text that was given. */
async function reasonWords(action: string, reason: string): Promise<string> {
  const t = await getTranslations('wipe')
  const chosen = `reason.${reason}` as 'reason.lost'
  return action.startsWith('device.wipe.') && /^\w+$/.test(reason) && t.has(chosen) ? t(chosen) : visibleText(reason)
}

/** What a target is; an app may send types of its own. */
function typeWords(t: Awaited<ReturnType<typeof getTranslations<'audit'>>>, type: string): string {
  const known = `targetType.${type}` as 'targetType.file'
  return /^\w+$/.test(type) && t.has(known) ? t(known) : visibleText(type)
}
