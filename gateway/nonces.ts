import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** How long a nonce is good for; a proof with it is remembered as long. */
export const NONCE_SECONDS = 300

const TIME_BYTES = 6
const RANDOM_BYTES = 8
const TAG_BYTES = 16
const TOTAL_BYTES = TIME_BYTES + RANDOM_BYTES + TAG_BYTES

/** DPoP nonces (RFC 9449 §8) that carry their own time under a key all gateways share: nothing is stored. */
export type Nonces = { issue(nowMs: number): string; isValid(nonce: string, nowMs: number): boolean }

/** @param key 32 bytes, the same for every gateway of the instance */
export function createNonces(key: Uint8Array): Nonces {
  const tag = (head: Uint8Array) => createHmac('sha256', key).update(head).digest().subarray(0, TAG_BYTES)
  return {
    issue: (nowMs) => {
      const time = Buffer.alloc(TIME_BYTES)
      time.writeUIntBE(Math.floor(nowMs / 1000), 0, TIME_BYTES)
      const head = Buffer.concat([time, randomBytes(RANDOM_BYTES)])
      return Buffer.concat([head, tag(head)]).toString('base64url')
    },
    isValid: (nonce, nowMs) => {
      const bytes = /^[\w-]{40}$/.test(nonce) ? Buffer.from(nonce, 'base64url') : Buffer.alloc(0)
      if (bytes.length !== TOTAL_BYTES) return false
      const ageSeconds = nowMs / 1000 - bytes.readUIntBE(0, TIME_BYTES)
      // Another gateway's clock may be a little ahead of ours.
      if (ageSeconds > NONCE_SECONDS || ageSeconds < -NONCE_SECONDS / 10) return false
      return timingSafeEqual(
        bytes.subarray(TIME_BYTES + RANDOM_BYTES),
        tag(bytes.subarray(0, TIME_BYTES + RANDOM_BYTES)),
      )
    },
  }
}
