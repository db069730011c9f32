import { utf8Encode } from '#lib/bytes.ts'
import type { AuditEntry } from './entry.ts'
import type { Personal } from './personal.ts'
import { sha256 } from './sha256.ts'

/** The terms an event is found by: `field:value` for every filter and every word of its texts. */
export function termsOf(entry: AuditEntry, personal: Personal): string[] {
  const terms = new Set<string>([`action:${entry.action}`, `outcome:${entry.outcome}`, `source:${entry.source}`])
  if (entry.actor.id) terms.add(`actor:${entry.actor.id}`)
  if (entry.device) terms.add(`device:${entry.device.id}`)
  if (entry.target) terms.add(`target:${entry.target.id}`)
  for (const label of entry.labels ?? []) terms.add(`label:${label}`)
  for (const text of [personal.actorName, personal.deviceName, personal.targetName, personal.reason, personal.words]) {
    for (const word of (text ?? '').toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) terms.add(`w:${word}`)
  }
  return [...terms]
}

/** A signed 64-bit hash of an organisation's term. */
export function hashTerm(tenantId: Uint8Array, term: string): bigint {
  const bytes = utf8Encode(term)
  const data = new Uint8Array(tenantId.length + bytes.length)
  data.set(tenantId)
  data.set(bytes, tenantId.length)
  const digest = sha256(data)
  return new DataView(digest.buffer, digest.byteOffset).getBigInt64(0)
}
