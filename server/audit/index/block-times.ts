import 'server-only'
import { addRange, type Bits, BLOCK, hasPlace } from '#lib/postings/bits.ts'
import { addPacked, type Packed, type Packing } from '#lib/postings/places.ts'
import { addHours, addTimes, countHours, type TimeRange, unpackTimes } from '#lib/postings/times.ts'
import type { Sql } from '#server/kernel/db.ts'
import { byteaOf, wholes } from './parameters.ts'
import type { MemoryOf, RunMemory } from './run-memory.ts'
import { blockOf, endOf, type RunHead } from './runs.ts'

/** Neighbouring entries of one block whose times are kept together. */
export type TimedPart = {
  at: number
  entries: number
  from: number
  to: number
  /** Entries that are no longer kept, packed; null when all are. */
  missing: Packed | null
  hours: Uint8Array | null
  exact: Float64Array | null
  /** What says how much is remembered with it; null where no run covers it. */
  memory: RunMemory | null
}

type Row = { at: string; entries: number; from: string; to: string; missing: Uint8Array | null }

/** When the entries of a log occurred, block by block, read as it is needed. */
export class BlockTimes {
  readonly #sql: Sql
  readonly #tenantId: string
  readonly #memoryOf: MemoryOf
  readonly #parts = new Map<number, TimedPart[]>()

  constructor(sql: Sql, tenantId: string, memoryOf: MemoryOf) {
    this.#sql = sql
    this.#tenantId = tenantId
    this.#memoryOf = memoryOf
  }

  /**
   * Reads which entries of these blocks are kept together, and between which times they occurred. `runsOf` tells the runs of a block.
   * Index: the primary key.
   */
  async readParts(blocks: readonly number[], runsOf: (block: number) => readonly RunHead[]): Promise<void> {
    const unknown = blocks.filter((block) => !this.#remembers(block, runsOf(block)))
    if (unknown.length === 0) return
    const [low, high] = [Math.min(...unknown), Math.max(...unknown)]
    const rows = await this.#sql<Row>(
      `SELECT b.at::text, b.entries, b.occurred_from::text AS "from", b.occurred_to::text AS "to", b.missing FROM audit_block b
        WHERE b.tenant_id = $1::uuid AND b.at >= $2::text::bigint AND b.at < $3::text::bigint ORDER BY b.at`,
      [this.#tenantId, String(low * BLOCK), String((high + 1) * BLOCK)],
    )
    const found = Map.groupBy(rows.map(readPart), ({ at }) => blockOf(at))
    for (const block of unknown) {
      const parts = found.get(block) ?? []
      this.#parts.set(block, parts)
      for (const run of runsOf(block)) {
        const memory = this.#memoryOf(run)
        const own = parts.filter(({ at }) => at >= run.at && at < endOf(run))
        memory.parts.set(block, own)
        for (const part of own) {
          part.memory = memory
          memory.grows(part.missing?.body.length ?? 0)
        }
      }
    }
  }

  #remembers(block: number, runs: readonly RunHead[]): boolean {
    if (this.#parts.has(block)) return true
    const known = runs.map((run) => this.#memoryOf(run).parts.get(block))
    if (runs.length === 0 || known.some((parts) => parts === undefined)) return false
    this.#parts.set(
      block,
      known.flatMap((parts) => parts ?? []),
    )
    return true
  }

  partsOf(block: number): readonly TimedPart[] {
    return this.#parts.get(block) ?? []
  }

  /** Whether the exact times of the whole block are here. */
  areExact(block: number): boolean {
    return this.partsOf(block).every(({ exact }) => exact !== null)
  }

  /** Between which times all of the block occurred, both included; null where its parts were not read. */
  spanOf(block: number): { from: number; to: number } | null {
    const parts = this.partsOf(block)
    if (parts.length === 0) return null
    return { from: Math.min(...parts.map(({ from }) => from)), to: Math.max(...parts.map(({ to }) => to)) }
  }

  /** Whether anything in the block may have occurred in the range. */
  mayOccur(block: number, range: TimeRange): boolean {
    return this.partsOf(block).some((part) => overlaps(part, range))
  }

  async loadHours(blocks: readonly number[], range: TimeRange | null): Promise<void> {
    const parts = this.#of(blocks).filter((part) => part.hours === null && (!range || isCutBy(part, range)))
    for (const [part, bytes] of await this.#column('hours', parts)) {
      part.hours = bytes
      part.memory?.grows(bytes.length)
    }
  }

  async loadExact(blocks: readonly number[], range: TimeRange | null): Promise<void> {
    const parts = this.#of(blocks).filter((part) => part.exact === null && (!range || isCutBy(part, range)))
    for (const [part, bytes] of await this.#column('times', parts)) {
      part.exact = unpackTimes(bytes, part)
      part.memory?.grows(part.exact.byteLength)
    }
  }

  #of(blocks: readonly number[]): TimedPart[] {
    return blocks.flatMap((block) => this.#parts.get(block) ?? [])
  }

  async #column(name: 'hours' | 'times', parts: readonly TimedPart[]): Promise<[TimedPart, Uint8Array][]> {
    if (parts.length === 0) return []
    const rows = await this.#sql<{ at: string; bytes: Uint8Array }>(
      `SELECT b.at::text, b.${name} AS bytes FROM audit_block b WHERE b.tenant_id = $1::uuid AND b.at = ANY($2::text::bigint[])`,
      [this.#tenantId, wholes(parts.map(({ at }) => at))],
    )
    const byAt = new Map(parts.map((part) => [part.at, part]))
    return rows.flatMap(({ at, bytes }) => {
      const part = byAt.get(Number(at))
      return part ? [[part, byteaOf(bytes)] as [TimedPart, Uint8Array]] : []
    })
  }

  /**
   * Adds to the block's set what occurred in the range. `cut` collects blocks whose exact times are needed first: such a block
   * is asked for again when they are loaded.
   */
  addTo(bits: Bits, block: number, range: TimeRange, cut?: Set<number>): void {
    for (const part of this.partsOf(block)) {
      const shift = part.at - block * BLOCK
      if (!overlaps(part, range)) continue
      if (!isCutBy(part, range)) addRange(bits, shift, shift + part.entries)
      else if (part.exact) addTimes(bits, part.exact, range, shift)
      else if (part.hours === null || addHours(bits, part.hours, range, shift)) cut?.add(block)
    }
  }
}

function readPart({ at, entries, from, to, missing }: Row): TimedPart {
  return {
    at: Number(at),
    entries,
    from: Number(from),
    to: Number(to),
    missing: missing && readMissing(byteaOf(missing)),
    hours: null,
    exact: null,
    memory: null,
  }
}

function overlaps(part: TimedPart, { from, to }: TimeRange): boolean {
  return (from === null || part.to >= from) && (to === null || part.from < to)
}

/** Some of it lies in the range and some does not. */
function isCutBy(part: TimedPart, range: TimeRange): boolean {
  const { from, to } = range
  return overlaps(part, range) && !((from === null || part.from >= from) && (to === null || part.to < to))
}

/** First byte: the packing. */
export function readMissing(bytes: Uint8Array): Packed {
  return { packing: (bytes[0] ?? 0) as Packing, body: bytes.subarray(1) }
}

/** Sets what is missing of a part among the bits of its block. */
export function addMissing(bits: Bits, { at, missing }: TimedPart, block: number): void {
  if (missing) addPacked(bits, missing, at - block * BLOCK)
}

const HOUR_MS = 3_600_000

/** Counts what is set in the block, set by set, by `floor(occurred / widthMs)`; hours or exact times must have been loaded, as the width needs. */
export function countTimes(
  parts: readonly TimedPart[],
  block: number,
  sets: readonly Bits[],
  widthMs: number,
  add: (bucket: number, set: number, events: number) => void,
): void {
  for (const part of parts) {
    const shift = part.at - block * BLOCK
    if (widthMs % HOUR_MS === 0) {
      if (!part.hours) throw new Error(`the hours of block ${block} were not loaded`)
      countHours(sets, part.hours, shift, (hour, set, events) =>
        add(Math.floor((hour * HOUR_MS) / widthMs), set, events),
      )
      continue
    }
    if (!part.exact) throw new Error(`the times of block ${block} were not loaded`)
    for (const [set, bits] of sets.entries())
      for (let place = 0; place < part.entries; place++)
        if (hasPlace(bits, place + shift)) add(Math.floor((part.exact[place] ?? 0) / widthMs), set, 1)
  }
}

/** The latest time at which anything is said to have occurred; null in an empty log. Index: the primary key. */
export async function latestOccurrence(sql: Sql, tenantId: string): Promise<number | null> {
  const [row] = await sql<{ latest: string | null }>(
    'SELECT max(b.occurred_to)::text AS latest FROM audit_block b WHERE b.tenant_id = $1::uuid',
    [tenantId],
  )
  return row?.latest == null ? null : Number(row.latest)
}
