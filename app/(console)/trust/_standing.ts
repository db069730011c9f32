import type { Tone } from '#components/ui/tag.tsx'
import type { Trust } from '#server/audit/schema.ts'

/** What the log is called: "intact" only with somebody outside. */
export type Standing = 'intact' | 'self_checked' | Exclude<Trust['state'], 'ok'>

export function standingOf({ state, isIntact }: Pick<Trust, 'state' | 'isIntact'>): Standing {
  if (state !== 'ok') return state
  return isIntact ? 'intact' : 'self_checked'
}

export const STANDING_TONES: Record<Standing, Tone> = {
  intact: 'ok',
  self_checked: 'neutral',
  unsigned: 'neutral',
  behind: 'danger',
  different: 'danger',
  key_missing: 'danger',
  file_missing: 'danger',
}

type SelfKey = 'selfNobody' | 'selfNoMail' | 'selfNever' | 'selfStale'
export type Sentence = {
  key: 'intactWitness' | 'intactMail' | SelfKey | Exclude<Trust['state'], 'ok'>
  name: string
  size: number
  rest: number
  at: string | null
}

/** The sentence that says why it is called so: a key of messages `trust.sentence` and what fills it. */
export function sentenceOf(trust: Trust): Sentence {
  const { state, isIntact, anchored, size } = trust
  const facts = {
    name: anchored?.name ?? '',
    size: anchored?.size ?? 0,
    rest: Math.max(0, size - (anchored?.size ?? 0)),
    at: anchored?.at ?? null,
  }
  if (state !== 'ok') return { key: state, ...facts }
  if (isIntact) return { key: anchored?.kind === 'mail' ? 'intactMail' : 'intactWitness', ...facts }
  return { key: whyNot(trust), ...facts }
}

function whyNot({ anchors, anchored, hasMail }: Trust): SelfKey {
  if (anchors.length === 0) return 'selfNobody'
  if (anchored) return 'selfStale'
  return !hasMail && anchors.every(({ kind }) => kind === 'mail') ? 'selfNoMail' : 'selfNever'
}
