import { concatBytes, equalBytes } from '#lib/bytes.ts'
import { HASH_BYTES, TILE_WIDTH } from './merkle.ts'
import { tileWidth } from './tiles.ts'
import type { ReadPublishedTile } from './verify.ts'
import { type Differences, type Problem, range, type VerifyFailureCode, were } from './verify-differences.ts'
import { hasRoot, type Kept } from './verify-known.ts'
import { rootOfBlocks } from './verify-memory.ts'

/** Neither the entries nor the published hashes are what `by` signed: something in `from` to `to` (excluded) was changed. */
export type Broken = {
  readonly from: number
  readonly to: number
  readonly by: Kept
  /** The rebuilt leaves behind the last full block at `to`. */
  readonly edge: Uint8Array
  /** Another checkpoint, of this size or a larger one, does hold: the log's key signed two histories. */
  isTwoHistories: boolean
}

/** What was found; `explains` tells whether another problem only follows from it. */
export type Explained = {
  readonly problems: readonly Problem[]
  readonly explains: (code: VerifyFailureCode) => boolean
}

/** What a verification has seen when it ends. */
export type Seen = {
  readonly broken: Broken | null
  /** The largest checkpoint that is known. */
  readonly largest: Kept | undefined
  /** How many entries there are or should be. */
  readonly size: number
  /** Entries at the end are missing. */
  readonly isCut: boolean
  /** The first entry that was recorded after the newest checkpoint had been kept, which is over it. */
  readonly late: number | null
  readonly sinceMemory: Differences
  /** Roots of the blocks of 256 leaves as rebuilt. */
  readonly blocks: Uint8Array
  readonly readTile: ReadPublishedTile | undefined
}

/**
 * Names the entry where an attacker left a log that is consistent in itself, but not what was signed: by the memory of an
 * earlier verification, by the time at which a checkpoint over it was kept, by a hash of level 1 that was forgotten, else by
 * the two nearest checkpoints.
 */
export async function explainBroken(seen: Seen): Promise<Explained> {
  const { broken, largest, size, isCut, late } = seen
  const isShort = largest !== undefined && largest.size > size
  if (!broken && !isShort && !isCut) return { problems: [], explains: () => false }
  const remembered = fromMemory(seen.sinceMemory)
  if (remembered) return remembered
  // Behind the contradiction it explains nothing, before it it was only a clock.
  if (late !== null && (broken === null || (broken.from <= late && late < broken.to)))
    return {
      problems: [forkAt(late, 'what follows was recorded after a checkpoint over it had been kept')],
      explains: isEnd,
    }
  if (broken) return { problems: [(await fromUpperTile(seen, broken)) ?? between(broken)], explains: () => false }
  return { problems: isShort ? [cutTail(size, largest.size)] : [], explains: () => false }
}

/** The end of a log whose entries stand in other places has some less or some more. */
export function isEnd(code: VerifyFailureCode): boolean {
  return code === 'tail_cut' || code === 'entry_added'
}

function fromMemory(differences: Differences): Explained | null {
  if (differences.count === 0) return null
  const { problems, isShift } = differences.explain()
  if (differences.isAllDifferent && !isShift)
    return {
      problems: [forkAt(differences.first, 'from there on nothing is what was verified before')],
      explains: isEnd,
    }
  return { problems, explains: (code) => isShift && isEnd(code) }
}

function forkAt(index: number, why: string): Problem {
  const reason = `the log splits at ${index} entries: ${why}; an older state was restored and went on, or the end was written anew`
  return { code: 'fork', index, reason }
}

function cutTail(size: number, signed: number): Problem {
  const until = signed - 1
  return {
    code: 'tail_cut',
    index: size,
    until,
    reason: `the log was cut: ${were(size, until)} signed and then removed`,
  }
}

function between({ from, to, isTwoHistories }: Broken): Problem {
  const where = to - from === 1 ? `at entry ${from}` : `between entries ${from} and ${to - 1}`
  const reason = isTwoHistories
    ? `two histories were signed: the checkpoint of ${to} entries is no beginning of this log; they split ${where}`
    : `the tree of ${to} entries has another root than signed: something was changed ${where}, and its hashes with it`
  const code = isTwoHistories ? 'fork' : 'root_mismatch'
  return { code, index: from, ...(to - from > 1 && { until: to - 1 }), reason }
}

/** Whoever forges an entry and its tile may forget the tile above: it names 256 entries. */
async function fromUpperTile(
  { readTile, blocks, size }: Seen,
  { from, to, by, edge }: Broken,
): Promise<Problem | null> {
  const count = Math.floor(to / TILE_WIDTH)
  const tiles: Uint8Array[] = []
  for (let index = 0; readTile && index * TILE_WIDTH < count; index++) {
    const tile = await readTile(1, index, tileWidth(1, index, size))
    if (tile === null) return null
    tiles.push(tile)
  }
  const published = concatBytes(...tiles).subarray(0, count * HASH_BYTES)
  if (published.length < count * HASH_BYTES || !hasRoot(by, rootOfBlocks(published, edge))) return null
  for (let block = 0; block < count; block++) {
    const at = block * HASH_BYTES
    if (equalBytes(published.subarray(at, at + HASH_BYTES), blocks.subarray(at, at + HASH_BYTES))) continue
    const index = Math.max(from, block * TILE_WIDTH)
    const until = Math.min(to, (block + 1) * TILE_WIDTH) - 1
    const reason = `one of ${range(index, until)} was altered together with its hash: tile 1/${Math.floor(block / TILE_WIDTH)} still has the signed one`
    return { code: 'entry_altered', index, until, reason }
  }
  return null
}
