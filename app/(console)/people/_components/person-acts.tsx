import { getTranslations } from 'next-intl/server'
import { Panel } from '#components/ui/card.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { type Asker, type PersonView, personCan } from '#server/people/schema.ts'
import { endSessions, resume, suspend, withdraw } from '../actions.ts'
import { ActButton } from './act-button.tsx'
import { RenewForm } from './renew-form.tsx'

type Props = { person: PersonView & { invitation: unknown }; asker: Asker; hasFactor: boolean; sessions: number }

/** What may be done about a person's access; what may not is disabled with its reason. */
export async function PersonActs({ person, asker, hasFactor, sessions }: Props) {
  const t = await getTranslations('people')
  const reason = (verdict: ReturnType<(typeof personCan)['suspend']>) =>
    verdict === true ? null : t(`reason.${verdict}`)
  const touching = reason(personCan.update(person, asker))
  const [tKeeping, tNames] = await Promise.all([getTranslations('keeping'), getTranslations('names')])
  const isSelf = person.id === asker.personId
  return (
    <Panel title={t('access')} className="flex flex-col items-start gap-2">
      {person.status === 'invited' && <RenewForm id={person.id} refusal={reason(personCan.invite(person, asker))} />}
      {person.status === 'invited' && Boolean(person.invitation) && (
        <ActButton
          action={withdraw.bind(null, person.id)}
          label={t('act.withdraw')}
          disabledReason={reason(personCan.invite(person, asker))}
        />
      )}
      {sessions > 0 && !isSelf && (
        <ActButton action={endSessions.bind(null, person.id)} label={t('act.endSessions')} disabledReason={touching} />
      )}
      {person.status === 'active' && !isSelf && touching === null && (
        <ButtonLink href={`/people/${person.id}/reset-password`}>{t('act.resetPassword')}…</ButtonLink>
      )}
      {hasFactor && !isSelf && touching === null && (
        <ButtonLink href={`/people/${person.id}/reset-factor`}>{t('act.resetFactor')}…</ButtonLink>
      )}
      {asker.permissions.includes('audit:unmask') && (
        <ButtonLink href={`/audit?q=${encodeURIComponent(`action:audit.unmask target:${person.id}`)}`}>
          {tNames('ofPerson')}
        </ButtonLink>
      )}
      {asker.permissions.includes('admin') && (
        <ButtonLink href={`/audit/keeping/erase/${person.id}`}>{tKeeping('erase.link')}</ButtonLink>
      )}
      {person.status === 'suspended' ? (
        <ActButton
          action={resume.bind(null, person.id)}
          label={t('act.resume')}
          disabledReason={reason(personCan.resume(person, asker))}
        />
      ) : (
        <ActButton
          action={suspend.bind(null, person.id)}
          label={t('act.suspend')}
          variant="danger"
          disabledReason={reason(personCan.suspend(person, asker))}
        />
      )}
    </Panel>
  )
}
