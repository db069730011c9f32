const KIB = 1024
const UNITS = [
  ['gib', KIB ** 3],
  ['mib', KIB ** 2],
  ['kib', KIB],
] as const

/** A size in the unit a person reads it in; messages `files.size.<unit>`. */
export function fileSize(bytes: number): { unit: 'bytes' | (typeof UNITS)[number][0]; value: number } {
  for (const [unit, size] of UNITS) {
    if (bytes >= size) return { unit, value: Math.round((bytes / size) * 10) / 10 }
  }
  return { unit: 'bytes', value: bytes }
}
