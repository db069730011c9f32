import { describe, expect, it } from 'vitest'
import { openBytes, sealBytes } from '#agent/core/cipher.ts'
import { dump, useBrowsers } from '#agent/test/browser.ts'
import { utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { createCryptoKeyRing } from './crypto-key-ring.ts'
import { openDatabase } from './database.ts'

const { freshName } = useBrowsers(() => ({ url: '', ca: '' }))
const binding = { tenantId: uuidv7(), deviceId: uuidv7(), enrollmentId: uuidv7() }
const share = new Uint8Array(32).fill(7)

async function opens(one: CryptoKey | null, other: CryptoKey | null): Promise<boolean> {
  if (!one || !other) throw new Error('a key is missing')
  const sealed = await sealBytes(one, utf8Encode('x'), 'context')
  return openBytes(other, sealed, 'context').then(
    () => true,
    () => false,
  )
}

describe('the key ring of a browser', () => {
  it('hands out no private half, neither itself nor from the storage', async () => {
    const name = freshName()
    const ring = createCryptoKeyRing(openDatabase(name))
    await ring.makeSigning()
    await ring.makeSealing()
    await ring.makeSecret()
    const stored = (await dump(name)).keys ?? []
    expect(stored.map(([part]) => part)).toEqual(['sealing', 'secret', 'signing'])
    for (const [, value] of stored) {
      const { key } = value as { key: CryptoKey }
      expect(key.extractable).toBe(false)
      for (const format of ['jwk', 'pkcs8', 'raw'] as const) {
        await expect(crypto.subtle.exportKey(format, key)).rejects.toThrow()
      }
      await expect(crypto.subtle.exportKey('jwk', structuredClone(key))).rejects.toThrow()
    }
    expect(JSON.stringify(stored)).not.toContain('"d"')
  })

  it('makes a pair once, also where two tabs ask at the same time', async () => {
    const name = freshName()
    const rings = [createCryptoKeyRing(openDatabase(name)), createCryptoKeyRing(openDatabase(name))]
    const made = await Promise.all(rings.flatMap((ring) => [ring.makeSigning(), ring.makeSigning()]))
    expect(new Set(made.map(({ publicJwk }) => publicJwk.x)).size).toBe(1)
    expect((await rings[0]?.signing())?.publicJwk).toEqual(made[0]?.publicJwk)
  })

  it('derives the same keys again, others for another share, device or purpose', async () => {
    const ring = createCryptoKeyRing(openDatabase(freshName()))
    await ring.makeSecret()
    const key = await ring.vaultKey(share, binding)
    expect(await opens(key, await ring.vaultKey(share, binding))).toBe(true)
    expect(await opens(key, await ring.vaultKey(new Uint8Array(32), binding))).toBe(false)
    expect(await opens(key, await ring.vaultKey(share, { ...binding, enrollmentId: uuidv7() }))).toBe(false)
    expect(await opens(key, await ring.localKey(binding))).toBe(false)
    expect(await opens(await ring.localKey(binding), await ring.localKey(binding))).toBe(true)
    await ring.makeSecret()
    expect(await opens(key, await ring.vaultKey(share, binding))).toBe(false)
  })

  it('destroys a part for good, and without harm twice', async () => {
    const name = freshName()
    const ring = createCryptoKeyRing(openDatabase(name))
    await ring.makeSigning()
    await ring.makeSealing()
    await ring.makeSecret()
    for (const part of ['secret', 'sealing', 'signing', 'secret'] as const) await ring.destroy(part)
    expect([await ring.signing(), await ring.sealing()]).toEqual([null, null])
    expect([await ring.vaultKey(share, binding), await ring.localKey(binding)]).toEqual([null, null])
    expect((await dump(name)).keys).toEqual([])
  })
})
