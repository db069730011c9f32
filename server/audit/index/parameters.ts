import 'server-only'

/** Whole numbers as the text form of `bigint[]`. */
export function wholes(values: readonly number[]): string {
  return `{${values.join(',')}}`
}

/** A column of bytes as the drivers give it. */
export function byteaOf(value: Uint8Array | null): Uint8Array {
  return value ?? new Uint8Array(0)
}
