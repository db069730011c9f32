import { base64urlDecode, base64urlEncode } from '#lib/bytes.ts'
import { bytesToUuid, uuidToBytes } from '#lib/uuid.ts'
import { randomSecret } from './keys.ts'

/** Every bearer value carries its organisation and row, because nothing can be looked up before the organisation is known. */
export type Bearer = { tenantId: string; id: string; secret: string }

/** `gs` session · `gd` device token · `gh` API key · `gi` one-time link of a person. */
export type BearerPrefix = 'gs' | 'gd' | 'gh' | 'gi'

export function makeBearer(prefix: BearerPrefix, tenantId: string, id: string): { token: string; secret: string } {
  const secret = randomSecret()
  return { token: `${prefix}_${short(tenantId)}.${short(id)}.${secret}`, secret }
}

/** The parts of a bearer value, or null when it has not the form of one. Says nothing about its validity. */
export function parseBearer(prefix: BearerPrefix, token: string): Bearer | null {
  const match = /^([a-z]{2})_([\w-]{22})\.([\w-]{22})\.([\w-]{43})$/.exec(token)
  if (!match || match[1] !== prefix) return null
  const [, , tenant = '', id = '', secret = ''] = match
  try {
    return { tenantId: bytesToUuid(base64urlDecode(tenant)), id: bytesToUuid(base64urlDecode(id)), secret }
  } catch {
    return null
  }
}

function short(uuid: string): string {
  return base64urlEncode(uuidToBytes(uuid))
}
