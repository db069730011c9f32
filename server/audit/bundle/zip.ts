import 'server-only'
import { layZip } from '#protocol/audit/bundle-zip.ts'
import type { StoredMember } from './seal.ts'
import type { BundleStore } from './store.ts'

/** How long the ZIP file of these members is. */
export function zipSize(members: readonly StoredMember[]): number {
  return layZip(members).sizeBytes
}

/** Any range of the ZIP file of these members, made as it is read. */
export async function* readZip(
  store: BundleStore,
  members: readonly StoredMember[],
  from = 0,
  to = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  const byName = new Map(members.map((member) => [member.name, member]))
  for (const stretch of layZip(members).stretches) {
    const sizeBytes = stretch.kind === 'bytes' ? stretch.bytes.length : stretch.sizeBytes
    const [start, end] = [Math.max(0, from - stretch.at), Math.min(sizeBytes, to - stretch.at)]
    if (start >= end) continue
    if (stretch.kind === 'bytes') yield stretch.bytes.subarray(start, end)
    else yield* readMember(store, byName.get(stretch.name), start, end)
  }
}

async function* readMember(
  store: BundleStore,
  member: StoredMember | undefined,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const file of member?.files ?? []) {
    const [start, end] = [Math.max(0, from - at), Math.min(file.sizeBytes, to - at)]
    if (start < end) yield* store.read(file, start, end)
    at += file.sizeBytes
  }
}
