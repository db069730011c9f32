import type { FastifyRequest } from 'fastify'
import { accessTokenHash, DPOP_WINDOW_SECONDS, type VerifiedDpop, verifyDpopProof } from '#protocol/device/dpop.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { importVerifyKey, type PublicJwk } from '#protocol/device/keys.ts'
import { type DeviceToken, parseDeviceToken } from '#protocol/device/token.ts'
import { type ClaimedDevice, claimDevice, claimProof } from '#server/devices/commands.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { AppError, type ErrorCode } from '#server/kernel/errors.ts'
import { NONCE_SECONDS, type Nonces } from './nonces.ts'
import { networkOf, type RateLimit } from './rate-limits.ts'

/**
 * Which devices a route serves: `any` also blocked and erased ones (commands and receipts), `enrolled` those whose access
 * stands, approved or not, `approved` only active ones.
 */
export type Access = 'any' | 'enrolled' | 'approved'

export type AuthenticatedDevice = { actor: DeviceActor } & Pick<ClaimedDevice, 'status' | 'sealJwk' | 'policyVersion'>

export type AuthOptions = {
  nonces: Nonces
  /** Origins under which clients know this gateway; a proof is made for one of them. */
  origins: ReadonlySet<string>
  limits: { device: RateLimit; failures: RateLimit }
}

export type Authenticator = ReturnType<typeof createAuthenticator>

/** The device behind each request (RFC 9449): the proof, the token it is bound to, and whether the device is served at all. */
export function createAuthenticator({ nonces, origins, limits }: AuthOptions) {
  const importKey = keyCache()

  const verify = async (request: FastifyRequest, token: string | undefined): Promise<VerifiedDpop> => {
    const proof = request.headers.dpop
    if (typeof proof !== 'string') throw new AppError('invalid_dpop_proof', { detail: 'The DPoP header is missing.' })
    const nowMs = now().getTime()
    const options = {
      proof,
      nowMs,
      importKey,
      method: request.method,
      url: urlOf(request, proof, origins),
      isNonceValid: (nonce: string) => nonces.isValid(nonce, nowMs),
      ...(token === undefined ? {} : { accessTokenHash: await accessTokenHash(token) }),
    }
    try {
      return await verifyDpopProof(options)
    } catch (error) {
      throw error instanceof DeviceProtocolError ? proofProblem(error) : error
    }
  }

  /** Failures use up the address's allowance; when that is gone nothing is verified for it any more. */
  const countingFailures = async <T>(address: string, attempt: () => Promise<T>): Promise<T> => {
    limits.failures.check(networkOf(address))
    try {
      return await attempt()
    } catch (error) {
      if (error instanceof AppError && FAILURES.has(error.code)) limits.failures.take(networkOf(address))
      throw error
    }
  }

  const authenticate = async (request: FastifyRequest): Promise<[DeviceToken, ClaimedDevice, VerifiedDpop]> => {
    const text = tokenText(request)
    const token = parseDeviceToken(text)
    if (!token) throw new AppError('invalid_token', { detail: 'The Authorization header holds no device token.' })
    const proof = await verify(request, text)
    limits.device.take(proof.thumbprint)
    const { tenantId, deviceId, secret } = token
    const { thumbprint, jti } = proof
    const device = await claimDevice({ tenantId, deviceId, secret, thumbprint, jti, expiresAt: endOf(proof) })
    if (!device) throw new AppError('invalid_token', { detail: 'The token is not valid with this key.' })
    if (!device.isFirstUse) throw usedBefore()
    return [token, device, proof]
  }

  return {
    /** @throws AppError invalid_token · invalid_dpop_proof · use_dpop_nonce · device_revoked · device_pending · rate_limited · unavailable */
    async device(request: FastifyRequest, address: string, access: Access): Promise<AuthenticatedDevice> {
      const [{ tenantId, deviceId }, device] = await countingFailures(address, () => authenticate(request))
      requireAccess(device, access)
      const { enrollmentId, deviceName, personId, personName, status, sealJwk, policyVersion } = device
      const actor: DeviceActor = {
        kind: 'device',
        tenantId,
        deviceId,
        enrollmentId,
        deviceName,
        personId,
        personName,
        address,
      }
      return { actor, status, sealJwk, policyVersion }
    },
    /** The key that proves itself at enrolment, before there is a token. */
    async newKey(request: FastifyRequest, address: string): Promise<{ thumbprint: string; publicJwk: PublicJwk }> {
      return countingFailures(address, async () => {
        const proof = await verify(request, undefined)
        if (!(await claimProof({ thumbprint: proof.thumbprint, jti: proof.jti, expiresAt: endOf(proof) })))
          throw usedBefore()
        return { thumbprint: proof.thumbprint, publicJwk: proof.publicJwk }
      })
    },
    freshNonce: () => nonces.issue(now().getTime()),
  }
}

/** A wrong clock is no guess at a secret. */
const FAILURES: ReadonlySet<ErrorCode> = new Set(['invalid_token', 'invalid_dpop_proof'])

function requireAccess({ status, personStatus, tenantStatus }: ClaimedDevice, access: Access): void {
  if (tenantStatus !== 'active') throw new AppError('tenant_suspended', { detail: 'The organisation is suspended.' })
  if (access === 'any') return
  const isRevoked = status !== 'active' && status !== 'pending'
  if (isRevoked || personStatus === 'suspended')
    throw new AppError('device_revoked', { detail: 'Access from this device is blocked by the organisation.' })
  if (access === 'approved' && status === 'pending') {
    throw new AppError('device_pending', { detail: 'An admin has to approve this device first.' })
  }
}

function tokenText(request: FastifyRequest): string {
  const match = /^DPoP ([\x21-\x7e]{1,200})$/i.exec(request.headers.authorization ?? '')
  return match?.[1] ?? ''
}

/** The URL as the client addressed it: a proof names its origin, and only our own names count. */
function urlOf(request: FastifyRequest, proof: string, origins: ReadonlySet<string>): string {
  const path = request.raw.url ?? '/'
  const claimed = claimedOrigin(proof)
  const [canonical = ''] = origins
  return (claimed !== undefined && origins.has(claimed) ? claimed : canonical) + path
}

/** Unverified: it only chooses which of our names the verified `htu` is compared with. */
function claimedOrigin(proof: string): string | undefined {
  try {
    const payload = JSON.parse(Buffer.from(proof.split('.', 2)[1] ?? '', 'base64url').toString()) as { htu?: unknown }
    return new URL(String(payload.htu)).origin
  } catch {
    return undefined
  }
}

function proofProblem(error: DeviceProtocolError): AppError {
  if (error.code === 'use_dpop_nonce')
    return new AppError('use_dpop_nonce', {
      detail: 'Sign again with the nonce of the DPoP-Nonce header.',
      cause: error,
    })
  if (error.code === 'wrong_token')
    return new AppError('invalid_dpop_proof', { detail: 'ath is not the hash of the token.', cause: error })
  return new AppError('invalid_dpop_proof', {
    detail: error.message.slice(0, 300),
    extra: { reason: error.code },
    cause: error,
  })
}

function usedBefore(): AppError {
  return new AppError('invalid_dpop_proof', {
    detail: 'This proof was used before: jti works once.',
    extra: { reason: 'replayed' },
  })
}

/** Until when the same proof would pass again: a proof with a nonce is as old as the nonce at most. */
function endOf({ nonce, issuedAtMs }: VerifiedDpop): Date {
  if (nonce !== null) return new Date(now().getTime() + (NONCE_SECONDS + 60) * 1000)
  return new Date(issuedAtMs + (DPOP_WINDOW_SECONDS + 5) * 1000)
}

const MAX_KEYS = 20_000

/** A key's import depends on its thumbprint alone, so that it may be remembered without ever being stale. */
function keyCache() {
  const keys = new Map<string, CryptoKey>()
  return async (jwk: PublicJwk, thumbprint: string): Promise<CryptoKey> => {
    const key = keys.get(thumbprint) ?? (await importVerifyKey(jwk))
    keys.delete(thumbprint)
    keys.set(thumbprint, key)
    if (keys.size > MAX_KEYS) keys.delete(keys.keys().next().value ?? '')
    return key
  }
}
