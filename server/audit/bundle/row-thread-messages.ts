import type { RowBlock } from '../row-block.ts'
import type { RowForm } from './row-writer.ts'

/** What a thread is started with: a mask is a function, and cannot be sent. */
export type ThreadForm = Omit<RowForm, 'mask'>

/** What stands in a block, without what it can do. */
export type SentBlock = Pick<RowBlock, 'count' | 'bytes' | 'indexes' | 'recordedAt' | 'marks'>

export type RowRequest =
  /** `spent` are rooms of answers that were read. */
  { kind: 'add'; block: SentBlock; from: number; to: number; spent: ArrayBuffer[] } | { kind: 'end' }

export type RowAnswer =
  /** The bytes of a part and behind them those of its leaves. */
  | { kind: 'made'; room: ArrayBuffer; events: number; leaves: number }
  /** All that was added with one request has been made. */
  | { kind: 'added' }
  | { kind: 'ended'; events: Uint8Array; days: Record<string, number> }
