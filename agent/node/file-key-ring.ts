import { z } from 'zod'
import { readJson, writeJson } from '#agent/core/identity.ts'
import type { KeyRing, RingKey, RingPart, Store } from '#agent/core/ports.ts'
import { generateKeyPair, importOpenKey, importSignKey, type PrivateJwk } from '#protocol/device/keys.ts'
import { deriveLocalKey, deriveVaultKey, VAULT_SECRET_BYTES } from '#protocol/device/vault-key.ts'

/** Where each part lies: JWKs, and the secret as its bare bytes. */
const FILES = {
  signing: 'keys/sign.jwk',
  sealing: 'keys/seal.jwk',
  secret: 'keys/secret',
} as const satisfies Record<RingPart, string>

const privateJwkSchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
})

const IMPORTS = { signing: importSignKey, sealing: importOpenKey }

type Pair = keyof typeof IMPORTS

async function ringKey(pair: Pair, privateJwk: PrivateJwk): Promise<RingKey> {
  const { kty, crv, x, y } = privateJwk
  return { key: await IMPORTS[pair](privateJwk), publicJwk: { kty, crv, x, y } }
}

/** The keys of a device directory, as files that only its owner may read. */
export function createFileKeyRing(store: Store): KeyRing {
  async function kept(pair: Pair): Promise<RingKey | null> {
    const privateJwk = await readJson(store, FILES[pair], privateJwkSchema)
    return privateJwk && ringKey(pair, privateJwk)
  }

  async function make(pair: Pair): Promise<RingKey> {
    const before = await kept(pair)
    if (before) return before
    const { privateJwk } = await generateKeyPair()
    await writeJson(store, FILES[pair], privateJwk)
    return ringKey(pair, privateJwk)
  }

  const secret = () => store.read(FILES.secret)

  return {
    signing: () => kept('signing'),
    sealing: () => kept('sealing'),
    makeSigning: () => make('signing'),
    makeSealing: () => make('sealing'),
    makeSecret: () => store.write(FILES.secret, crypto.getRandomValues(new Uint8Array(VAULT_SECRET_BYTES))),
    async vaultKey(share, binding) {
      const own = await secret()
      return own && deriveVaultKey(own, share, binding)
    },
    async localKey(binding) {
      const own = await secret()
      return own && deriveLocalKey(own, binding)
    },
    destroy: (part) => store.shred(FILES[part]),
  }
}
