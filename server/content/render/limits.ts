/** What one file may cost. The parent kills what goes beyond the first three; the child refuses what goes beyond the others. */
export const LIMITS = {
  /** Without progress: from the last bytes handed over to the answer. */
  wallMs: 20_000,
  /** The whole process, the file's own bytes included. */
  memoryBytes: 512 * 1024 * 1024,
  outputBytes: 32 * 1024 * 1024,
} as const

export type Limits = { wallMs: number; memoryBytes: number; outputBytes: number }

export const MAX_TEXT_BYTES = 5 * 1024 * 1024
export const MAX_PIXELS = 100_000_000
export const MAX_LONG_SIDE = 4096
export const MAX_PAGES = 50_000
