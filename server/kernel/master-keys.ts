import 'server-only'
import type { TransitSettings } from './env/vault.ts'
import { type MasterKey, MasterKeyError } from './master-key.ts'
import { type FileMasterKey, readFileKeys } from './master-key-file.ts'
import { openTransit } from './master-key-transit.ts'

export type MasterKeyProvider = 'file' | 'vault-transit'
export type MasterKeyOptions = { file: string; transit?: TransitSettings }

/** Every master key at hand: the one that the environment names, and others that may still have wrapped something. */
export type MasterKeys = {
  readonly provider: MasterKeyProvider
  /** The path of the file provider, also where it is not the configured one. */
  readonly file: string
  /** What the environment names: where a rotation of the master key leads. */
  configured(): MasterKey
  /** The key with this id; looks at the disk again before it says there is none. */
  find(id: string): MasterKey | undefined
  /** The key files at hand, the one in use first. */
  files(): readonly FileMasterKey[]
  /** Reads the key files again. */
  reload(): void
}

/** @throws MasterKeyError when a key file holds something else */
export function openMasterKeys({ file, transit: options }: MasterKeyOptions): MasterKeys {
  const transit = options && openTransit(options)
  // With Vault a file is never made: it is read where an instance moves from one to the other.
  let files = readFileKeys(file, { create: !transit })
  const among = (id: string) => [...(transit ? [transit] : []), ...files].find((key) => key.id === id)
  const reload = () => {
    files = readFileKeys(file, { create: false })
  }
  return {
    provider: transit ? 'vault-transit' : 'file',
    file,
    configured: () => {
      const key = transit ?? files[0]
      if (!key) throw new MasterKeyError(`there is no master key in ${file} (GATEHOUSE_MASTER_KEY_FILE)`)
      return key
    },
    find: (id) => {
      const known = among(id)
      if (known) return known
      reload()
      return among(id)
    },
    files: () => files,
    reload,
  }
}

/** @throws MasterKeyError saying which one is missing */
export function requireMasterKey(masterKeys: MasterKeys, id: string): MasterKey {
  const key = masterKeys.find(id)
  if (key) return key
  const atHand = [masterKeys.configured(), ...masterKeys.files()].map((one) => `${one.id} (${one.where})`)
  throw new MasterKeyError(
    `the keys of this instance are wrapped under the master key ${id}; at hand: ${[...new Set(atHand)].join(', ')}. Look at GATEHOUSE_MASTER_KEY and GATEHOUSE_MASTER_KEY_FILE`,
  )
}
