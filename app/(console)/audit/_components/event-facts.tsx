import { getTranslations } from 'next-intl/server'
import { LabelTags } from '#components/audit/event-tags.tsx'
import { visibleText } from '#components/audit/visible-text.ts'
import { type Definition, DefinitionList } from '#components/ui/definition-list.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { AuditEventView, EventDetail } from '#server/audit/schema.ts'
import { isPolicyPath } from '../../policies/_components/policy-text.ts'
import { ActorName, Name } from './pseudonym.tsx'
import { viewingFacts } from './viewing-facts.tsx'

type Props = Pick<EventDetail, 'event' | 'namesNow'>
type Words = Awaited<ReturnType<typeof getTranslations<'audit'>>>

/** Who did what when, under which rule, and how we know. */
export async function EventFacts({ event, namesNow }: Props) {
  const t = await getTranslations('audit')
  const items = [
    { term: t('event.actor'), value: <Actor event={event} namesNow={namesNow} /> },
    ...times(t, event),
    ...(await things(t, { event, namesNow })),
    ...(await viewingFacts(event)),
    ...(await rules(t, { event, namesNow })),
    ...sources(t, event),
    ...(await texts(t, event)),
  ]
  return <DefinitionList items={items} />
}

/** What names the event for programs and for whoever looks it up elsewhere. */
export async function EventIds({ event: { id, senderId, correlationId } }: Pick<Props, 'event'>) {
  const t = await getTranslations('audit')
  const shown = (text: string | undefined) => text && <Mono className="break-all">{visibleText(text)}</Mono>
  return (
    <DefinitionList
      items={[
        { term: t('event.id'), value: shown(id) },
        { term: t('event.senderId'), value: shown(senderId) },
        { term: t('event.related'), value: shown(correlationId) },
      ]}
    />
  )
}

async function Actor({ event: { actor }, namesNow }: Props) {
  const t = await getTranslations('audit')
  if (!actor.id) {
    return actor.name === undefined ? t(`kind.${actor.kind}`) : <ActorName kind={actor.kind} name={actor.name} />
  }
  return (
    <>
      {actor.kind === 'system' ? (
        <ActorName kind={actor.kind} name={actor.name ?? actor.id} />
      ) : (
        <Named id={actor.id} name={actor.name} namesNow={namesNow} />
      )}{' '}
      <span className="text-ink-3">{t(`kind.${actor.kind}`)}</span>
    </>
  )
}

/** As it was called then, and, where that is another name, now. */
async function Named({ id, name, namesNow }: { id: string; name: string | undefined } & Pick<Props, 'namesNow'>) {
  const t = await getTranslations('audit')
  const today = namesNow[id]
  if (name === undefined) return today === undefined ? <Mono>{visibleText(id)}</Mono> : visibleText(today)
  return (
    <>
      <Name>{name}</Name>
      {today !== undefined && today !== name && (
        <span className="text-ink-3"> {t('event.nowCalled', { name: visibleText(today) })}</span>
      )}
    </>
  )
}

function times(t: Words, { occurredAt, recordedAt, clock }: AuditEventView): Definition[] {
  return [
    {
      term: t('event.when'),
      value: (
        <>
          <Time value={occurredAt} precision="millisecond" />
          {clock === 'suspect' && <Tag tone="warn">{t('event.suspect')}</Tag>}
        </>
      ),
    },
    {
      term: t('event.recorded'),
      value: recordedAt === occurredAt ? null : <Time value={recordedAt} precision="millisecond" />,
    },
  ]
}

async function things(t: Words, { event: { outcome, device, target }, namesNow }: Props): Promise<Definition[]> {
  const common = await getTranslations('common')
  return [
    { term: t('event.outcome'), value: common(`outcome.${outcome}`) },
    { term: t('event.device'), value: device && <Named id={device.id} name={device.name} namesNow={namesNow} /> },
    {
      term: t('event.target'),
      value: target && (
        <>
          <Named id={target.id} name={target.name} namesNow={namesNow} />{' '}
          <span className="text-ink-3">{typeWords(t, target.type)}</span>
        </>
      ),
    },
  ]
}

async function rules(t: Words, { event: { policy, enforcement }, namesNow }: Props): Promise<Definition[]> {
  const common = await getTranslations('common')
  const rule = policy?.rule && (await ruleWords(t, policy.rule))
  const said =
    policy &&
    (rule
      ? t('event.policyText', { version: policy.version, rule })
      : t('event.policyVersion', { version: policy.version }))
  return [
    { term: t('event.policy'), value: policy && [namesNow[policy.id], said].filter(Boolean).join(' · ') },
    { term: t('event.enforcement'), value: enforcement && common(`enforcementWords.${enforcement}`) },
  ]
}

function sources(t: Words, { address, userAgent, knownFrom, source, labels }: AuditEventView): Definition[] {
  return [
    { term: t('event.address'), value: address && <Mono>{address}</Mono> },
    { term: t('event.app'), value: userAgent && visibleText(userAgent) },
    {
      term: t('event.knownFrom'),
      value: t(`knownFrom.${knownFrom}`, { source: visibleText(source.slice(source.indexOf(':') + 1)) }),
    },
    { term: t('event.labels'), value: labels.length > 0 ? <LabelTags labels={labels.map(visibleText)} /> : null },
  ]
}

async function texts(t: Words, { action, reason, words, hidden }: AuditEventView): Promise<Definition[]> {
  const names = await getTranslations('names')
  const orHidden = (text: string | undefined, name: 'reason' | 'words') =>
    text ?? (hidden?.includes(name) ? names('hidden') : undefined)
  return [
    { term: t('event.reason'), value: orHidden(reason ? await reasonWords(action, reason) : undefined, 'reason') },
    { term: t('event.words'), value: orHidden(words ? visibleText(words) : undefined, 'words') },
  ]
}

/** The setting of the policy that decided, by the name it has there. */
async function ruleWords(t: Words, rule: string): Promise<string> {
  if (rule === 'data.view') return t('event.ruleView')
  const path = [rule, `${rule}.mode`].find(isPolicyPath)
  return path ? (await getTranslations('policies'))(`field.${path}`) : visibleText(rule)
}

/** Reasons of an erase are chosen from a list; any other is the text that was given. */
async function reasonWords(action: string, reason: string): Promise<string> {
  const t = await getTranslations('wipe')
  const chosen = `reason.${reason}` as 'reason.lost'
  return action.startsWith('device.wipe.') && /^\w+$/.test(reason) && t.has(chosen) ? t(chosen) : visibleText(reason)
}

/** What a target is; an app may send types of its own. */
function typeWords(t: Words, type: string): string {
  const known = `targetType.${type}` as 'targetType.file'
  return /^\w+$/.test(type) && t.has(known) ? t(known) : visibleText(type)
}
