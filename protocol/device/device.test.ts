import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { base64urlDecode, base64urlEncode, hexEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { defaultPolicy } from '#protocol/policy/document.ts'
import { type Command, commandNonce, signCommand, verifyCommand } from './commands.ts'
import { DeviceProtocolError } from './error.ts'
import { signKeyRotation, verifyKeyRotation } from './key-rotation.ts'
import {
  type DeviceKeyPair,
  generateKeyPair,
  importOpenKey,
  importSealKey,
  importSignKey,
  importVerifyKey,
  type Jwks,
  keyThumbprint,
} from './keys.ts'
import { enrollRequestSchema, eventLineSchema } from './messages.ts'
import { type PolicyBundle, signPolicyBundle, verifyPolicyBundle } from './policy-bundle.ts'
import { type Receipt, signReceipt, verifyReceipt } from './receipts.ts'
import { openFile, sealFile } from './seal.ts'
import { formatDeviceToken, parseDeviceToken } from './token.ts'
import {
  deriveLocalKey,
  deriveVaultKey,
  unsafePrfLocalKeyBytes,
  unsafePrfVaultKeyBytes,
  unsafeVaultKeyBytes,
} from './vault-key.ts'

const NOW = Date.parse('2026-03-01T10:00:00.000Z')
const ids = { tenantId: uuidv7(), deviceId: uuidv7(), enrollmentId: uuidv7() }

let tenant: DeviceKeyPair
let device: DeviceKeyPair
let stranger: DeviceKeyPair
let serverKeys: Jwks
let kid: string
let tenantKey: CryptoKey

beforeAll(async () => {
  ;[tenant, device, stranger] = await Promise.all([generateKeyPair(), generateKeyPair(), generateKeyPair()])
  kid = await keyThumbprint(tenant.publicJwk)
  serverKeys = { keys: [{ ...tenant.publicJwk, kid }] }
  tenantKey = await importSignKey(tenant.privateJwk)
})

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof DeviceProtocolError) return error.code
    throw error
  }
  return 'accepted'
}

/** The same compact JWS or JWE with one part changed in place. */
function withPart(jose: string, index: number, change: (text: string) => string): string {
  const parts = jose.split('.')
  parts[index] = base64urlEncode(utf8Encode(change(utf8Decode(base64urlDecode(parts[index] ?? '')))))
  return parts.join('.')
}

describe('commands', () => {
  const command = (change: Partial<Command> = {}): Command => ({
    id: uuidv7(),
    ...ids,
    type: 'wipe',
    args: { wipeId: uuidv7(), scope: 'organisation-data' },
    issuedAt: '2026-03-01T09:00:00.000Z',
    expiresAt: '2026-03-08T09:00:00.000Z',
    nonce: commandNonce(),
    ...change,
  })
  const verify = (jws: string, change = {}) => verifyCommand(jws, serverKeys, { ...ids, nowMs: NOW, ...change })

  it('is believed when everything fits', async () => {
    const sent = command()
    expect(await verify(await signCommand(sent, tenantKey, kid))).toEqual(sent)
  })

  it.each<[string, Partial<Command>]>([
    ['wrong_tenant', { tenantId: uuidv7() }],
    ['wrong_device', { deviceId: uuidv7() }],
    ['wrong_enrollment', { enrollmentId: uuidv7() }],
    ['expired', { expiresAt: '2026-03-01T10:00:00.000Z' }],
    ['unsupported_type', { type: 'self-destruct' }],
    ['malformed', { args: { scope: 'everything' } }],
  ])('%s', async (code, change) => {
    expect(await codeOf(verify(await signCommand(command(change), tenantKey, kid)))).toBe(code)
  })

  it('refuses another key, another kid and a changed payload', async () => {
    const foreign = await importSignKey(stranger.privateJwk)
    expect(await codeOf(verify(await signCommand(command(), foreign, kid)))).toBe('bad_signature')
    expect(await codeOf(verify(await signCommand(command(), tenantKey, 'other')))).toBe('unknown_key')
    const sent = await signCommand(command(), tenantKey, kid)
    expect(await codeOf(verify(withPart(sent, 1, (text) => text.replace('wipe', 'lock'))))).toBe('bad_signature')
    expect(await codeOf(verify(withPart(sent, 0, (text) => text.replace('ES256', 'none'))))).toBe('wrong_algorithm')
    expect(await codeOf(verify('not.a.jws'))).toBe('malformed')
  })

  it('never takes one kind of JWS for another', async () => {
    const bundle = { tenantId: ids.tenantId, policyId: uuidv7(), version: 1, document: defaultPolicy() }
    const policy = await signPolicyBundle({ ...bundle, publishedAt: '2026-03-01T09:00:00.000Z' }, tenantKey, kid)
    expect(await codeOf(verify(policy))).toBe('wrong_type')
  })
})

describe('receipts', () => {
  const receipt: Receipt = {
    commandId: uuidv7(),
    deviceId: ids.deviceId,
    nonce: commandNonce(),
    result: 'erased',
    erased: { files: 3, bytes: 4096 },
    at: '2026-03-01T10:00:00.000Z',
  }
  const { commandId, deviceId, nonce } = receipt

  it('holds for its command only', async () => {
    const thumbprint = await keyThumbprint(device.publicJwk)
    const jws = await signReceipt(receipt, await importSignKey(device.privateJwk), thumbprint)
    const key = await importVerifyKey(device.publicJwk)
    expect(await verifyReceipt(jws, key, { commandId, deviceId, nonce })).toEqual(receipt)
    const verify = (change: object) => codeOf(verifyReceipt(jws, key, { commandId, deviceId, nonce, ...change }))
    expect(await verify({ commandId: uuidv7() })).toBe('wrong_command')
    expect(await verify({ deviceId: uuidv7() })).toBe('wrong_device')
    expect(await verify({ nonce: commandNonce() })).toBe('wrong_nonce')
    const other = await importVerifyKey(stranger.publicJwk)
    expect(await codeOf(verifyReceipt(jws, other, { commandId, deviceId, nonce }))).toBe('bad_signature')
    const inflated = withPart(jws, 1, (text) => text.replace('"files":3', '"files":9'))
    expect(await codeOf(verifyReceipt(inflated, key, { commandId, deviceId, nonce }))).toBe('bad_signature')
  })
})

describe('policy bundle', () => {
  const bundle = (): PolicyBundle => ({
    tenantId: ids.tenantId,
    policyId: uuidv7(),
    version: 4,
    publishedAt: '2026-03-01T10:00:00.000Z',
    document: defaultPolicy(),
  })

  it('refuses another tenant, an older version and a changed document', async () => {
    const sent = bundle()
    const jws = await signPolicyBundle(sent, tenantKey, kid)
    expect(await verifyPolicyBundle(jws, serverKeys, { tenantId: ids.tenantId, minVersion: 4 })).toEqual(sent)
    expect(await codeOf(verifyPolicyBundle(jws, serverKeys, { tenantId: uuidv7() }))).toBe('wrong_tenant')
    expect(await codeOf(verifyPolicyBundle(jws, serverKeys, { tenantId: ids.tenantId, minVersion: 5 }))).toBe('expired')
    const loosened = withPart(jws, 1, (text) => text.replace('"log"', '"allow"'))
    expect(await codeOf(verifyPolicyBundle(loosened, serverKeys, { tenantId: ids.tenantId }))).toBe('bad_signature')
  })
})

describe('sealed files', () => {
  const binding = { ...ids, fileId: uuidv7() }
  const plaintext = utf8Encode('quarterly figures')

  it('open with the right key, for the right file and device only', async () => {
    const jwe = await sealFile(plaintext, await importSealKey(device.publicJwk), binding)
    const key = await importOpenKey(device.privateJwk)
    expect(await openFile(jwe, key, binding)).toEqual(plaintext)
    const open = (change: object) => codeOf(openFile(jwe, key, { ...binding, ...change }))
    expect(await open({ tenantId: uuidv7() })).toBe('wrong_tenant')
    expect(await open({ deviceId: uuidv7() })).toBe('wrong_device')
    expect(await open({ enrollmentId: uuidv7() })).toBe('wrong_enrollment')
    expect(await open({ fileId: uuidv7() })).toBe('wrong_file')
    const other = await importOpenKey(stranger.privateJwk)
    expect(await codeOf(openFile(jwe, other, binding))).toBe('cannot_open')
    const fileId = uuidv7()
    const relabelled = withPart(jwe, 0, (text) => text.replace(binding.fileId, fileId))
    expect(await codeOf(openFile(relabelled, key, { ...binding, fileId }))).toBe('cannot_open')
    const cut = `${jwe.slice(0, -6)}AAAAAA`
    expect(await codeOf(openFile(cut, key, binding))).toBe('cannot_open')
  })

  it('takes an empty file', async () => {
    const jwe = await sealFile(new Uint8Array(0), await importSealKey(device.publicJwk), binding)
    expect(await openFile(jwe, await importOpenKey(device.privateJwk), binding)).toEqual(new Uint8Array(0))
  })
})

describe('vault key', () => {
  const secret = new Uint8Array(32).fill(1)
  const share = new Uint8Array(32).fill(2)

  it('needs both halves and its own binding', async () => {
    const bytes = await unsafeVaultKeyBytes(secret, share, ids)
    expect(await unsafeVaultKeyBytes(secret, share, ids)).toEqual(bytes)
    expect(await unsafeVaultKeyBytes(share, secret, ids)).not.toEqual(bytes)
    expect(await unsafeVaultKeyBytes(secret, secret, ids)).not.toEqual(bytes)
    expect(await unsafeVaultKeyBytes(secret, share, { ...ids, enrollmentId: uuidv7() })).not.toEqual(bytes)
    await expect(unsafeVaultKeyBytes(secret, share.slice(1), ids)).rejects.toThrow('serverShare has 31 bytes')
  })

  it('is not extractable', async () => {
    expect((await deriveVaultKey(secret, share, ids)).extractable).toBe(false)
    expect((await deriveLocalKey(secret, ids)).extractable).toBe(false)
  })
})

describe('key rotation', () => {
  it('is proven by the old key and the new one', async () => {
    const [next, seal] = [await generateKeyPair(), await generateKeyPair()]
    const rotation = {
      deviceId: ids.deviceId,
      enrollmentId: ids.enrollmentId,
      keys: { sign: next.publicJwk, seal: seal.publicJwk },
      at: '2026-03-01T10:00:00.000Z',
    }
    const [oldKey, newKey] = [await importSignKey(device.privateJwk), await importSignKey(next.privateJwk)]
    const expected = { oldKey: device.publicJwk, ...ids, nowMs: NOW }
    const request = await signKeyRotation(rotation, { oldKey, newKey })
    expect(await verifyKeyRotation(request, expected)).toMatchObject(rotation)
    const unproven = await signKeyRotation(rotation, { oldKey, newKey: oldKey })
    expect(await codeOf(verifyKeyRotation(unproven, expected))).toBe('bad_signature')
    const foreign = await signKeyRotation(rotation, { oldKey: newKey, newKey })
    expect(await codeOf(verifyKeyRotation(foreign, expected))).toBe('bad_signature')
    expect(await codeOf(verifyKeyRotation(request, { ...expected, deviceId: uuidv7() }))).toBe('wrong_device')
  })
})

describe('messages', () => {
  const facts = { name: 'Phone', platform: 'ios', osVersion: '18', appVersion: '1.0' }

  it('refuse a private key, another curve and control characters, naming the field', () => {
    const keys = { sign: { ...device.publicJwk, d: 'secret' }, seal: { ...device.publicJwk, crv: 'P-384' } }
    const parsed = enrollRequestSchema.safeParse({ code: 'a b', keys, facts: { ...facts, name: 'a\u0000b' } })
    const paths = parsed.error?.issues.map((issue) => issue.path.join('.')).sort()
    expect(paths).toEqual(['code', 'facts.name', 'keys.seal.crv', 'keys.sign'])
  })

  it('refuse a device whose name reorders text and so poses as another', () => {
    const keys = { sign: device.publicJwk, seal: device.publicJwk }
    for (const member of ['name', 'model', 'serial']) {
      const parsed = enrollRequestSchema.safeParse({ code: 'a', keys, facts: { ...facts, [member]: 'a\u202eb' } })
      expect(parsed.error?.issues.map((issue) => issue.path.join('.'))).toEqual([`facts.${member}`])
    }
  })

  it('refuse wrong event lines', () => {
    const line = { seq: 1, id: uuidv7(), at: '2026-03-01T10:00:00.000Z', action: 'file.view', outcome: 'allowed' }
    const ok = (change: object) => eventLineSchema.safeParse({ ...line, ...change }).success
    expect(ok({})).toBe(true)
    for (const change of [
      { seq: 0 },
      { seq: 1e300 },
      { seq: '1' },
      { at: '2026-03-01T10:00:00Z' },
      { action: 'view' },
      { outcome: 'maybe' },
      { target: { type: 'file', id: '\ud800' } },
      { stray: true },
    ]) {
      expect(ok(change), JSON.stringify(change)).toBe(false)
    }
  })

  it('round-trip a device token', () => {
    const token = { tenantId: ids.tenantId, deviceId: ids.deviceId, secret: base64urlEncode(new Uint8Array(32)) }
    expect(parseDeviceToken(formatDeviceToken(token))).toEqual(token)
    expect(parseDeviceToken('gd_x.y.z')).toBeNull()
    expect(parseDeviceToken(`${formatDeviceToken(token)}A`)).toBeNull()
  })
})

describe('vectors', () => {
  const vectors = JSON.parse(readFileSync(new URL('../vectors/device.json', import.meta.url), 'utf8'))

  it('vault key', async () => {
    const { deviceSecret, serverShare, binding, key } = vectors.vaultKey
    const bytes = await unsafeVaultKeyBytes(base64urlDecode(deviceSecret), base64urlDecode(serverShare), binding)
    expect(hexEncode(bytes)).toBe(key)
  })

  it('vault key of a device whose half cannot be exported', async () => {
    const { deviceKey, serverShare, binding, vaultKey, localKey } = vectors.vaultKeyPrf
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const key = await crypto.subtle.importKey('raw', base64urlDecode(deviceKey), hmac, false, ['sign'])
    expect(hexEncode(await unsafePrfVaultKeyBytes(key, base64urlDecode(serverShare), binding))).toBe(vaultKey)
    expect(hexEncode(await unsafePrfLocalKeyBytes(key, binding))).toBe(localKey)
    await expect(unsafePrfVaultKeyBytes(key, new Uint8Array(31), binding)).rejects.toThrow('serverShare has 31 bytes')
  })

  it('command, receipt and sealed file', async () => {
    const { command, receipt, sealedFile, keys } = vectors
    const nowMs = Date.parse(command.verifiedAt)
    expect(await verifyCommand(command.jws, keys.serverKeys, { ...command.expected, nowMs })).toEqual(command.payload)
    const signKey = await importVerifyKey(keys.deviceSign)
    expect(await verifyReceipt(receipt.jws, signKey, receipt.expected)).toEqual(receipt.payload)
    const opened = await openFile(sealedFile.jwe, await importOpenKey(keys.devicePrivateSeal), sealedFile.binding)
    expect(utf8Decode(opened)).toBe(sealedFile.plaintext)
  })
})
