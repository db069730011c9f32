import type { IncomingMessage } from 'node:http'
import { base64urlEncode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { accessTokenHash, verifyDpopProof } from '#protocol/device/dpop.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { keyThumbprint } from '#protocol/device/keys.ts'
import { enrollRequestSchema } from '#protocol/device/messages.ts'
import { formatDeviceToken } from '#protocol/device/token.ts'
import { bodyOf, type KnownDevice, Problem, type Side } from './state.ts'

async function prove(side: Side, request: IncomingMessage, device: KnownDevice | null): Promise<string> {
  const { state } = side
  const proof = String(request.headers.dpop ?? '')
  try {
    const verified = await verifyDpopProof({
      proof,
      method: String(request.method),
      url: `${side.url()}${request.url}`,
      nowMs: side.now(),
      accessTokenHash: device ? await accessTokenHash(device.token) : undefined,
      keyThumbprint: device?.thumbprint,
      isNonceValid: (nonce) => state.nonces.has(nonce),
    })
    if (state.jtis.has(verified.jti)) throw new Problem('invalid_dpop_proof')
    state.jtis.add(verified.jti)
    return verified.thumbprint
  } catch (error) {
    if (!(error instanceof DeviceProtocolError)) throw error
    if (error.code !== 'use_dpop_nonce') throw new Problem('invalid_dpop_proof')
    const nonce = base64urlEncode(crypto.getRandomValues(new Uint8Array(12)))
    state.nonces.add(nonce)
    throw new Problem('use_dpop_nonce', { 'dpop-nonce': nonce })
  }
}

/** The device that asks, by its token and its key. */
export async function enrolled(side: Side, request: IncomingMessage): Promise<KnownDevice> {
  const token = String(request.headers.authorization ?? '').replace(/^DPoP /, '')
  const device = [...side.state.devices.values()].find((known) => known.token === token)
  if (!device) throw new Problem('invalid_token')
  await prove(side, request, device)
  return device
}

/** Takes a new device in. */
export async function enroll(side: Side, request: IncomingMessage) {
  const { state, key } = side
  const { tenantId } = state
  const body = enrollRequestSchema.parse(JSON.parse(await bodyOf(request)))
  const thumbprint = await prove(side, request, null)
  if (thumbprint !== (await keyThumbprint(body.keys.sign))) throw new Problem('invalid_dpop_proof')
  if (!state.codes.delete(body.code)) throw new Problem('enrollment_code_invalid')
  const [id, secret] = [uuidv7(), base64urlEncode(crypto.getRandomValues(new Uint8Array(32)))]
  const device: KnownDevice = {
    id,
    enrollmentId: uuidv7(),
    keys: body.keys,
    thumbprint,
    token: formatDeviceToken({ tenantId, deviceId: id, secret }),
    share: crypto.getRandomValues(new Uint8Array(32)),
    revoked: false,
    lines: new Map(),
    waiting: new Map(),
    receipts: [],
    stream: null,
    facts: [],
  }
  state.devices.set(id, device)
  return {
    deviceId: id,
    enrollmentId: device.enrollmentId,
    tenantId,
    status: 'active',
    token: device.token,
    serverKeys: { keys: [{ ...key.publicJwk, kid: key.kid }] },
    policyVersion: state.policy.version,
  }
}
