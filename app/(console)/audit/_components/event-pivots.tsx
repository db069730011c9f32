import { getTranslations } from 'next-intl/server'
import { actorWords, nameWords } from '#components/audit/name-words.ts'
import { ButtonLink } from '#components/ui/link.tsx'
import { isUuid } from '#lib/uuid.ts'
import { formatQuery } from '#protocol/audit/query.ts'
import type { AuditEventView } from '#server/audit/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { condition } from '../_query-text.ts'
import { auditHref } from '../search-params.ts'

const AROUND_MS = 5 * 60_000

/** From one event to those about it. */
export async function EventPivots({ actor, event }: { actor: PersonActor; event: AuditEventView }) {
  const [t, names] = await Promise.all([getTranslations('audit'), getTranslations('names')])
  const called = (name: string) => nameWords(names, name)
  const at = Date.parse(event.occurredAt)
  const around = { from: new Date(at - AROUND_MS).toISOString(), to: new Date(at + AROUND_MS).toISOString() }
  const ask = (q: string, range = {}) => auditHref({ q, sort: '-time', ...range })
  const by = (field: 'actor' | 'device' | 'target', id: string) => formatQuery(condition(field, id))
  const { device, target } = event
  return (
    <div className="flex flex-wrap gap-2">
      {event.actor.id && (
        <ButtonLink href={ask(by('actor', event.actor.id))} className="max-w-full">
          <span className="truncate">
            {t('pivot.actor', {
              name: actorWords(names, { kind: event.actor.kind, name: event.actor.name ?? event.actor.id.slice(0, 8) }),
            })}
          </span>
        </ButtonLink>
      )}
      {device ? (
        <ButtonLink href={ask(by('device', device.id), around)}>{t('pivot.device')}</ButtonLink>
      ) : (
        <ButtonLink href={ask('', around)}>{t('pivot.around')}</ButtonLink>
      )}
      {target && target.id !== event.actor.id && target.id !== device?.id && (
        <ButtonLink href={ask(by('target', target.id))} className="max-w-full">
          <span className="truncate">{t('pivot.target', { name: called(target.name ?? target.id) })}</span>
        </ButtonLink>
      )}
      {target?.type === 'file' && isUuid(target.id) && actor.permissions.has('content:read') && (
        <ButtonLink href={`/files/${target.id}/who-saw`}>{t('pivot.whoSaw')}</ButtonLink>
      )}
      {event.correlationId && isUuid(event.correlationId) && (
        <ButtonLink href={ask(event.correlationId)}>{t('pivot.related')}</ButtonLink>
      )}
      {device && isUuid(device.id) && actor.permissions.has('devices:read') && (
        <ButtonLink href={`/devices/${device.id}`}>{t('pivot.theDevice')}</ButtonLink>
      )}
      {event.actor.kind === 'person' &&
        event.actor.id &&
        isUuid(event.actor.id) &&
        actor.permissions.has('people:read') && (
          <ButtonLink href={`/people/${event.actor.id}`}>{t('pivot.thePerson')}</ButtonLink>
        )}
    </div>
  )
}
