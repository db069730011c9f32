import type { useTranslations } from 'next-intl'
import { actorWords } from '#components/audit/name-words.ts'
import { visibleText } from '#components/audit/visible-text.ts'
import type { OwnRecord } from '#protocol/device/person.ts'

const KINDS = ['person', 'device', 'api_key', 'system', 'scim'] as const

export type RecordWords = {
  names: ReturnType<typeof useTranslations<'names'>>
  workspace: ReturnType<typeof useTranslations<'workspace'>>
}

/** Who acted, on what and with which device, in the reader's words; what would be said twice once. */
export function recordParts(words: RecordWords, { by, byKind, target, device }: OwnRecord): string[] {
  const kind = KINDS.find((known) => known === byKind)
  const who =
    by === null ? kind && words.workspace(`records.kind.${kind}`) : actorWords(words.names, { kind: byKind, name: by })
  const parts = [who, target && visibleText(target), device && visibleText(device)]
  return [...new Set(parts.filter((part) => typeof part === 'string' && part !== ''))] as string[]
}
