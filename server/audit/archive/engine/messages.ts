/** What a statement is asked with; whole numbers are BIGINT. */
export type EngineValue = string | number | null

/** A value of an answer: BIGINT as a number, BLOB as bytes, a list as an array. */
export type EngineCell = string | number | boolean | null | Uint8Array | readonly EngineCell[]

export type EngineRequest =
  | { kind: 'ask'; id: number; statement: string; values: readonly EngineValue[] }
  /** A chunk was taken: another may come. */
  | { kind: 'more'; id: number }
  /** Nothing more is wanted; it is answered with its end or its failure all the same. */
  | { kind: 'cancel'; id: number }

export type EngineAnswer =
  | { kind: 'rows'; id: number; rows: readonly (readonly EngineCell[])[] }
  | { kind: 'end'; id: number }
  | { kind: 'failure'; id: number; message: string }

/** Chunks on their way that nobody has taken yet. */
export const CHUNKS_AHEAD = 4

/** The environment variable that names the directories the engine may touch, as JSON; the last one is for the working files of this engine alone. */
export const ROOTS = 'GATEHOUSE_ARCHIVE_ROOTS'
