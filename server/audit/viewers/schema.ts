import { z } from 'zod'
import type { Enforcement } from '#protocol/audit/actions.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { askFields, ENDS_EARLIER, endsLater, type KnownFrom } from '../schema.ts'

export const whoSawInput = z
  .object({ fileId: uuidField(), from: askFields.from, to: askFields.to })
  .refine(endsLater, ENDS_EARLIER)

type Named = { id: string; name: string }

/**
 * How near somebody came to the content. `opened`: they viewed, saved, printed, copied or captured it · `handed`: a device of
 * theirs was handed it and states no opening · `acted`: they only published or forwarded it · `refused`: they only tried.
 */
export const VIEWER_BASES = ['opened', 'handed', 'acted', 'refused'] as const
export type ViewerBasis = (typeof VIEWER_BASES)[number]

export const VIEWER_COUNTS = ['views', 'downloads', 'prints', 'copies', 'forwards', 'handed', 'refused'] as const
export type ViewerCount = (typeof VIEWER_COUNTS)[number]

/** Everything the log holds about one person and one file's lineage. */
export type Viewer = {
  /** `id` is absent where the log names somebody who is none of ours; `name` where even that was erased. */
  who: { kind: 'person' | 'device' | 'api_key' | 'other'; id?: string; name?: string; email?: string }
  basis: ViewerBasis
  first: string
  last: string
  devices: Named[]
  /** Openings, each once, whatever stated it; `handed` counts releases to devices, which are no openings. */
  counts: Record<ViewerCount, number>
  captures: Record<Enforcement, number>
  hasPublished: boolean
  /** Events by who states them. */
  known: Record<KnownFrom, number>
  /** Events that arrived long after they happened, and events whose device had a wrong clock. */
  late: number
  suspect: number
}

/** A device whose own record has holes or may have. Both ends of a range of numbers are included. */
export type DeviceGap = {
  device: Named
  person: Named | null
  /** Was handed the file, or events of it are about this file; else it only belongs to somebody who may have it. */
  isInvolved: boolean
  missing: { from: number; to: number }[]
  missingCount: number
  /** Not heard of since then, for too long. */
  silentSince: string | null
  /** It told of its own that it lost events, or gave them up. */
  isGivenUp: boolean
}

/** Why nobody can say "nobody else"; `count` says how many. */
export const GAP_KINDS = ['period', 'devices', 'left', 'imported', 'apps', 'suspect', 'unfinished'] as const
export type GapKind = (typeof GAP_KINDS)[number]
export type Gap = { kind: GapKind; count: number }

export type Coverage = {
  period: {
    /** What was asked; null means from the file's first day, and until now. */
    from: string | null
    to: string | null
    publishedAt: string
    /** From here on the log holds what is done with files; before it nothing is kept. */
    heldSince: string
    isHeld: boolean
    /** Events about this lineage that the log holds in the period. */
    events: number
  }
  entitled: {
    everyone: boolean
    count: number
    /** Of those who may have it: no event names them. At most the first 200. */
    without: Named[]
    withoutCount: number
    /** Named by a copy or an audience that is no more; at most 200. Who was only in an audience that was changed has no `id`. */
    formerly: { id?: string; name: string }[]
  }
  devices: { count: number; incomplete: DeviceGap[]; incompleteCount: number }
  /** How many events were imported, stated by apps, late, or of a wrong clock. */
  events: Record<'imported' | 'apps' | 'late' | 'suspect', number>
  /** Ways by which the content left what the log sees. */
  left: Record<'downloads' | 'prints' | 'captures' | 'outside', number>
  /** Nothing of it: then, and only then, nobody else saw it. */
  gaps: Gap[]
}

/** "Who saw it": the answer to the question about a file, over all its names, versions and forwarded copies. */
export type WhoSaw = {
  file: Named
  root: Named
  /** Copies that were forwarded. */
  copies: number
  /** What it was called in the events. At most 20. */
  names: string[]
  /** The search that finds the same events. */
  q: string
  from: string | null
  to: string | null
  /** The answer takes the log as it was at this size. */
  asOf: { size: number; at: string }
  viewers: Viewer[]
  /** How many opened it. */
  opened: number
  coverage: Coverage
  /** Pseudonyms stand where names and ids of people and devices would. */
  isMasked: boolean
}

/** What a report says beside the answer. */
export type ReportFacts = {
  answer: WhoSaw
  isMasked: boolean
  timeZone: string
  origin: string
  vkey: string
  /** The newest signed head over what was counted. */
  checkpoint: { size: number; root: string; signedAt: string }
}
