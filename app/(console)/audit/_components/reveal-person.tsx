import { isUuid } from '#lib/uuid.ts'
import type { AuditEventView, NamesShown } from '#server/audit/schema.ts'
import { ShowNames } from './show-names.tsx'

/** One name for a reason: of whoever acted, or else of whom it was about. */
export function RevealPerson({ event, shown }: { event: AuditEventView; shown: NamesShown }) {
  const { actor, target } = event
  if (!event.hidden || shown.state === 'never' || shown.state === 'always') return null
  const code = actor.kind === 'person' ? actor.id : target?.type === 'person' ? target.id : undefined
  if (code === undefined || isUuid(code)) return null
  return (
    <div className="mb-2">
      <ShowNames code={code} />
    </div>
  )
}
