import { base64urlDecode, base64urlEncode } from '#lib/bytes.ts'
import { bytesToUuid, uuidToBytes } from '#lib/uuid.ts'

const PATTERN = /^gd_([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/

export type DeviceToken = { tenantId: string; deviceId: string; secret: string }

/** `gd_<tenant>.<device>.<secret>`: 16 bytes, 16 bytes and 32 random bytes in base64url. */
export function formatDeviceToken(token: DeviceToken): string {
  const short = (uuid: string) => base64urlEncode(uuidToBytes(uuid))
  return `gd_${short(token.tenantId)}.${short(token.deviceId)}.${token.secret}`
}

/** The parts of a device token, or null where it is not one. Says nothing about its being genuine. */
export function parseDeviceToken(text: string): DeviceToken | null {
  const [, tenant, device, secret] = PATTERN.exec(text) ?? []
  if (tenant === undefined || device === undefined || secret === undefined) return null
  try {
    return { tenantId: bytesToUuid(base64urlDecode(tenant)), deviceId: bytesToUuid(base64urlDecode(device)), secret }
  } catch {
    // Base64url whose unused bits are set decodes to nothing: not a token we ever made.
    return null
  }
}
