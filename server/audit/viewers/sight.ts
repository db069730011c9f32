import 'server-only'
import { FIELD, RowScan } from '../bundle/row-scan.ts'
import type { RowBlock } from '../row-block.ts'
import type { Candidate } from '../scan.ts'

/** What an event tells about somebody who came near a file; all of it as the entry and its personal values say it. */
export type Sight = {
  action: string
  outcome: string
  source: string
  occurredAt: string
  recordedAt: string
  actorKind: string
  actorId: string | undefined
  actorName: string | undefined
  deviceId: string | undefined
  deviceName: string | undefined
  targetId: string | undefined
  targetName: string | undefined
  correlationId: string | undefined
  enforcement: string | undefined
  clock: string | undefined
  detail: Readonly<Record<string, unknown>> | undefined
}

/** What "who saw it" looks at in an event. */
export function sightOf({ entry, personal }: Pick<Candidate, 'entry' | 'personal'>): Sight {
  return {
    action: entry.action,
    outcome: entry.outcome,
    source: entry.source,
    occurredAt: entry.occurredAt,
    recordedAt: entry.recordedAt,
    actorKind: entry.actor.kind,
    actorId: entry.actor.id,
    actorName: personal?.actorName,
    deviceId: entry.device?.id,
    deviceName: personal?.deviceName,
    targetId: entry.target?.id,
    targetName: entry.target && personal?.targetName,
    correlationId: entry.correlationId,
    enforcement: entry.enforcement,
    clock: entry.clock,
    detail: personal?.detail,
  }
}

/**
 * The same out of the bytes of a row, without reading it as JSON: a file may have been opened half a million times. What RowScan
 * declines is read; a property test holds both ways together.
 */
export class SightReader {
  readonly #scan = new RowScan()
  #bytes: Buffer = Buffer.alloc(0)
  #block: RowBlock | null = null

  read(block: RowBlock, n: number): Sight {
    if (block !== this.#block) {
      this.#block = block
      this.#bytes = Buffer.from(block.bytes.buffer, block.bytes.byteOffset, block.bytes.length)
    }
    // A device's name is told beside its id alone: where the entry has none, it is read.
    if (!this.#scan.row(block, n) || this.#scan.from[FIELD.deviceId] === 0) return sightOf(block.row(n))
    return {
      action: this.#plain(FIELD.action),
      outcome: this.#plain(FIELD.outcome),
      source: this.#plain(FIELD.source),
      occurredAt: this.#plain(FIELD.occurredAt),
      recordedAt: this.#plain(FIELD.recordedAt),
      actorKind: this.#plain(FIELD.actorKind),
      actorId: this.#text(FIELD.actorId),
      actorName: this.#text(FIELD.actorName),
      deviceId: this.#text(FIELD.deviceId),
      deviceName: this.#text(FIELD.deviceName),
      targetId: this.#text(FIELD.targetId),
      targetName: this.#text(FIELD.targetName),
      correlationId: this.#text(FIELD.correlationId),
      enforcement: this.#text(FIELD.enforcement),
      clock: this.#text(FIELD.clock),
      detail: this.#detail(),
    }
  }

  #plain(field: number): string {
    return this.#bytes.toString('utf8', this.#scan.from[field], this.#scan.to[field])
  }

  #text(field: number): string | undefined {
    return this.#scan.from[field] === 0 ? undefined : this.#plain(field)
  }

  #detail(): Sight['detail'] {
    const text = this.#text(FIELD.detail)
    // Written by the ledger, like the rest.
    return text === undefined ? undefined : (JSON.parse(text) as Sight['detail'])
  }
}
