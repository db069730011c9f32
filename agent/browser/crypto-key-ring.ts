import type { KeyRing, RingKey, RingPart } from '#agent/core/ports.ts'
import type { PublicJwk } from '#protocol/device/keys.ts'
import { generatePrfKey, prfLocalKey, prfVaultKey } from '#protocol/device/vault-key.ts'
import type { Database } from './database.ts'

type Pair = Exclude<RingPart, 'secret'>

const ALGORITHMS = {
  signing: { name: 'ECDSA', usages: ['sign', 'verify'] },
  sealing: { name: 'ECDH', usages: ['deriveBits'] },
} as const satisfies Record<Pair, { name: string; usages: KeyUsage[] }>

/** Not extractable from its first moment: no script of this page ever holds the private half's bytes. */
async function generate(pair: Pair): Promise<RingKey> {
  const { name, usages } = ALGORITHMS[pair]
  const made = await crypto.subtle.generateKey({ name, namedCurve: 'P-256' }, false, [...usages])
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', made.publicKey)
  const publicJwk: PublicJwk = { kty: 'EC', crv: 'P-256', x, y }
  return { key: made.privateKey, publicJwk }
}

/** A copy of the storage that went through JSON has an empty object where the key was: as good as none. */
function isKey(key: unknown): key is CryptoKey {
  return key instanceof CryptoKey
}

/** The device's keys as CryptoKey objects in IndexedDB: usable by this origin, readable by nobody. */
export function createCryptoKeyRing(database: Database): KeyRing {
  async function kept(pair: Pair): Promise<RingKey | null> {
    const found = await (await database.use()).get('keys', pair)
    return found?.publicJwk && isKey(found.key) ? { key: found.key, publicJwk: found.publicJwk } : null
  }

  async function make(pair: Pair): Promise<RingKey> {
    const before = await kept(pair)
    if (before) return before
    const made = await generate(pair)
    // Another tab may have been first: then its pair counts.
    await database.write(['keys'], async (transaction) => {
      const keys = transaction.objectStore('keys')
      if (!(await keys.getKey(pair))) await keys.put(made, pair)
    })
    return (await kept(pair)) ?? made
  }

  const secret = async () => {
    const found = await (await database.use()).get('keys', 'secret')
    return found && isKey(found.key) ? found.key : null
  }

  return {
    signing: () => kept('signing'),
    sealing: () => kept('sealing'),
    makeSigning: () => make('signing'),
    makeSealing: () => make('sealing'),
    async makeSecret() {
      const value = { key: await generatePrfKey(), publicJwk: null }
      await database.write(['keys'], (transaction) => transaction.objectStore('keys').put(value, 'secret'))
    },
    async vaultKey(share, binding) {
      const own = await secret()
      return own && prfVaultKey(own, share, binding)
    },
    async localKey(binding) {
      const own = await secret()
      return own && prfLocalKey(own, binding)
    },
    async destroy(part) {
      await database.write(['keys'], (transaction) => transaction.objectStore('keys').delete(part))
    },
  }
}
