import 'server-only'
import { canonicalJson } from '#lib/canonical-json.ts'
import { sha256 } from './keys.ts'

/** What a step-up grant and an idempotency key are bound to: the command's name and its parsed input. */
export function hashRequest(name: string, input: unknown): Buffer {
  // JSON first: dates and absent members take the form they had on the wire.
  return sha256(`${name}\0${canonicalJson(JSON.parse(JSON.stringify(input ?? null, digestBytes)))}`)
}

/** Content stands in the hash by its digest. (The replacer sees a Buffer after its toJSON: look at the holder.) */
function digestBytes(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key]
  return original instanceof Uint8Array ? sha256(original).toString('hex') : value
}
