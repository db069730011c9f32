import { getTranslations } from 'next-intl/server'
import { factsOf } from '#protocol/policy/platforms.ts'
import type { AuditEventView } from '#server/audit/schema.ts'
import { getDevice } from '#server/devices/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { FactLine } from '../../policies/_components/truth-table.tsx'
import { guardedOperation } from '../_enforcement.ts'

type Props = { event: Pick<AuditEventView, 'action' | 'device'>; actor: PersonActor }

/** Beside what happened to content on a device: what such a device can do about it at all, from the policy page's table. */
export async function EnforcementTruth({ event, actor }: Props) {
  const operation = guardedOperation(event.action)
  if (!operation || !event.device || !actor.permissions.has('devices:read')) return null
  const device = await getDevice(actor, { deviceId: event.device.id }).catch((error: unknown) => {
    // Events of an import or of an app may name devices that are none of ours.
    if (isAppError(error) && (error.code === 'not_found' || error.code === 'invalid')) return null
    throw error
  })
  if (!device) return null
  const t = await getTranslations('audit')
  return (
    <section aria-label={t('event.truth')} className="mb-3 border-t border-line pt-2 text-ink-2">
      <h3 className="text-ink-3">{t('event.truth')}</h3>
      <ul>
        {factsOf(device.platform, operation).map((fact) => (
          <FactLine key={fact.name} fact={fact} />
        ))}
      </ul>
    </section>
  )
}
