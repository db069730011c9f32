import { getTranslations } from 'next-intl/server'
import { Link } from '#components/ui/link.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { getTrust } from '#server/audit/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { STANDING_TONES, standingOf } from '../../trust/_standing.ts'

/** How the log stands against what was signed; "intact" only where somebody outside saw it within a day. */
export async function LogBadge({ actor }: { actor: PersonActor }) {
  const t = await getTranslations('trust.badge')
  const trust = await getTrust(actor, {})
  const standing = standingOf(trust)
  const signed = trust.checkpoints[0]?.signedAt
  const at = () => <Time value={standing === 'intact' ? trust.anchored?.at : signed} dateless />
  const count = standing === 'self_checked' ? (trust.checkpoints[0]?.size ?? trust.size) : trust.size
  return (
    <Link href="/trust" className="self-center">
      <Tag tone={STANDING_TONES[standing]}>{t.rich(standing, { count, at })}</Tag>
    </Link>
  )
}
