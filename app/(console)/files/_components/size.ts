const KIB = 1024
const MIB = KIB * KIB

/** A size in the unit a person reads it in; messages `files.size.<unit>`. */
export function fileSize(bytes: number): { unit: 'bytes' | 'kib' | 'mib'; value: number } {
  if (bytes < KIB) return { unit: 'bytes', value: bytes }
  const [unit, size] = bytes < MIB ? (['kib', KIB] as const) : (['mib', MIB] as const)
  return { unit, value: Math.round((bytes / size) * 10) / 10 }
}
