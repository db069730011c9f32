/** One thing that is wrong: `index` is the first entry, `until` the last where there are several or where it may be any of them. */
export type Problem = {
  readonly code: VerifyFailureCode
  readonly index?: number
  readonly until?: number
  readonly reason: string
}

/** Why a log does not hold. */
export type VerifyFailureCode =
  | 'checkpoint_invalid'
  | 'entry_malformed'
  | 'entry_altered'
  | 'entry_removed'
  | 'entry_added'
  | 'entries_reordered'
  | 'tail_cut'
  | 'personal_mismatch'
  | 'tile_altered'
  | 'root_mismatch'
  | 'fork'
  | 'index_missing_term'
  | 'index_surplus_term'
  | 'index_wrong_time'
  | 'archive_damaged'
  | 'archive_wrong_column'

const WINDOW = 4_096
/** So many equal leaves in a row are no accident. */
const RUN = 8

/** Enough of a leaf's hash to recognise it: its first four bytes. */
export type LeafMark = number

/** The mark of a leaf's hash. */
export function leafMark(hash: Uint8Array, at = 0): LeafMark {
  return (
    (((hash[at] ?? 0) << 24) | ((hash[at + 1] ?? 0) << 16) | ((hash[at + 2] ?? 0) << 8) | (hash[at + 3] ?? 0)) >>> 0
  )
}

/** A leaf that is not the one that should be there. */
export type Spot = { readonly index: number; readonly there: LeafMark; readonly expected: LeafMark }

/**
 * Where the leaves that are there differ from those that should be: tells an altered entry from one removed, added or moved.
 * Keeps a window behind the first difference, however long the log is.
 */
export class Differences {
  first = -1
  count = 0
  /** Leaves seen since the first that differs. */
  #seen = 0
  readonly #there: LeafMark[] = []
  readonly #expected: LeafMark[] = []
  /** The first of those that differ. */
  readonly spots: Spot[] = []

  /** The next leaf, in order; call it for equal ones, too. `isEqual` is the caller's judgement of the whole hash. */
  add(index: number, there: LeafMark, expected: LeafMark, isEqual: boolean): void {
    if (isEqual && this.count === 0) return
    if (this.count === 0) this.first = index
    this.#seen++
    if (this.#there.length < WINDOW) {
      this.#there.push(there)
      this.#expected.push(expected)
    }
    if (isEqual) return
    this.count++
    if (this.spots.length < WINDOW) this.spots.push({ index, there, expected })
  }

  /** Whether every leaf from the first on is another one. */
  get isAllDifferent(): boolean {
    return this.count > 1 && this.count === this.#seen
  }

  /** What happened, first place first; `isShift` when everything behind it stands in another place. */
  explain(): { problems: readonly Problem[]; isShift: boolean } {
    // First: two neighbours exchanged look like a removal, too, when nothing follows them.
    const moved = this.count === this.spots.length ? reordered(this.spots) : null
    const shift = moved ? null : this.#shift()
    if (shift) return { problems: [shift], isShift: true }
    return { problems: moved ? [moved] : altered(this.spots), isShift: false }
  }

  #shift(): Problem | null {
    for (let by = 1; by < this.#there.length; by++) {
      if (isContinued(this.#there, this.#expected, by)) return this.#run('entry_removed', by)
      if (isContinued(this.#expected, this.#there, by)) return this.#run('entry_added', by)
    }
    return null
  }

  #run(code: 'entry_removed' | 'entry_added', by: number): Problem {
    const index = this.first
    const how = code === 'entry_removed' ? 'removed, what followed moved up' : 'added, what followed moved down'
    return {
      code,
      index,
      ...(by > 1 && { until: index + by - 1 }),
      reason: `${were(index, index + by - 1)} ${how}`,
    }
  }
}

/** What happened at these places, when nothing else was moved. */
export function explainSpots(spots: readonly Spot[]): readonly Problem[] {
  const moved = reordered(spots)
  return moved ? [moved] : altered(spots)
}

/** The same leaves in another order. */
function reordered(spots: readonly Spot[]): Problem | null {
  const [first, last] = [spots[0]?.index, spots.at(-1)?.index]
  if (spots.length < 2 || first === undefined || last === undefined) return null
  const expected = spots.map((spot) => spot.expected).sort((a, b) => a - b)
  const there = spots.map((spot) => spot.there).sort((a, b) => a - b)
  if (there.some((mark, i) => mark !== expected[i])) return null
  const reason =
    spots.length === 2
      ? `entries ${first} and ${last} were exchanged`
      : `entries between ${first} and ${last} were put in another order`
  return { code: 'entries_reordered', index: first, until: last, reason }
}

function altered(spots: readonly Spot[]): Problem[] {
  return runsOf(spots).map(({ from, to }) => {
    const reason = `${were(from, to)} altered`
    return { code: 'entry_altered', index: from, ...(to > from && { until: to }), reason }
  })
}

/** Whether `a` from its beginning is `b` from `by` on, as far as both go. */
function isContinued(a: readonly LeafMark[], b: readonly LeafMark[], by: number): boolean {
  const most = Math.min(a.length, b.length - by)
  // Near the end of the window a single equal leaf would prove nothing.
  if (most < Math.min(RUN, a.length - 1)) return false
  for (let i = 0; i < Math.min(most, 64); i++) if (a[i] !== b[i + by]) return false
  return most > 0
}

function runsOf(spots: readonly Spot[]): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = []
  for (const { index } of spots) {
    const last = runs.at(-1)
    if (last && last.to + 1 === index) last.to = index
    else runs.push({ from: index, to: index })
  }
  return runs
}

/** "entry 7" or "entries 7 to 9". */
export function range(from: number, to: number): string {
  return from === to ? `entry ${from}` : `entries ${from} to ${to}`
}

/** "entry 7 was" or "entries 7 to 9 were". */
export function were(from: number, to: number): string {
  return `${range(from, to)} ${from === to ? 'was' : 'were'}`
}

/** Sorts problems by their first entry; those of the whole log come first. */
export function byIndex(a: Problem, b: Problem): number {
  return (a.index ?? -1) - (b.index ?? -1)
}
