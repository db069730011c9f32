import type { BadLine, GoodLine, ParsedLine } from './event-lines.ts'
import { includes, type Range } from './ranges.ts'

/** A number this far beyond the highest received is a mistake, not a gap. */
const MAX_LEAP = 10_000_000
/** More gaps than any honest device has: each is read with every request, so beyond these the oldest are no longer waited for. */
export const MAX_RANGES = 2_000

type Numbered = GoodLine | (BadLine & { seq: number })

export type Sorted = {
  /** First copies, ascending by number. */
  fresh: Numbered[]
  /** Received before. */
  known: Numbered[]
  /** Without a number that could be used up. */
  refused: BadLine[]
}

/** Which of the lines are new to an enrolment that has received these numbers. */
export function sortLines(lines: readonly ParsedLine[], received: readonly Range[]): Sorted {
  const fresh = new Map<number, Numbered>()
  const sorted: Omit<Sorted, 'fresh'> = { known: [], refused: [] }
  const highest = received.at(-1)?.[1] ?? 0
  for (const line of lines) {
    if (!isNumbered(line)) sorted.refused.push(line)
    else if (line.seq > highest + MAX_LEAP)
      sorted.refused.push(bad(line, 'seq_out_of_range', `seq: is more than ${MAX_LEAP} beyond the last one`))
    else if (includes(received, line.seq)) sorted.known.push(line)
    else {
      const first = fresh.get(line.seq)
      if (!first) fresh.set(line.seq, line)
      else if (first.digest === line.digest) sorted.known.push(line)
      else sorted.refused.push(bad(line, 'seq_repeated', 'seq: stands twice in this request'))
    }
  }
  return { fresh: [...fresh.values()].sort((a, b) => a.seq - b.seq), ...sorted }
}

/** The numbers to count as received although some never came, so that the ranges stay few; null when they are. */
export function beyondMost(received: readonly Range[], runs: readonly Range[]): Range | null {
  const last = received[received.length + runs.length - MAX_RANGES - 1]
  return last ? [1, last[1]] : null
}

function isNumbered(line: ParsedLine): line is Numbered {
  return line.seq !== undefined
}

function bad({ line, seq, digest }: Numbered, code: string, detail: string): BadLine {
  return { line, seq, digest, code, detail }
}
