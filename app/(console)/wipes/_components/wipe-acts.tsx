import { useTranslations } from 'next-intl'
import { STOPPABLE_WIPE_STATES, type WipeView } from '#server/devices/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { DecideButtons } from '../../approvals/_components/decide-buttons.tsx'

/** Decisions while it can still be stopped; afterwards there is nothing to decide, and that is said. */
export function WipeActs({ wipe, actor }: { wipe: WipeView; actor: PersonActor }) {
  const t = useTranslations('wipe')
  if (!STOPPABLE_WIPE_STATES.includes(wipe.state)) return <p className="text-ink-2">{t('noWayBack')}</p>
  if (!actor.permissions.has('devices:wipe')) return null
  const { state } = wipe
  if (state !== 'held' && state !== 'awaiting_approval' && state !== 'delayed') return null
  return (
    <DecideButtons
      request={{ id: wipe.id, command: 'device.wipe', state, own: wipe.requestedBy.id === actor.personId }}
    />
  )
}
