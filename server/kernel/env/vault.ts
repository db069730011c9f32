import { z } from 'zod'
import { isPrivate, isReadable, parseUrl } from './fields.ts'

/** A key of HashiCorp Vault's transit engine (developer.hashicorp.com/vault/api-docs/secret/transit), and how to reach it. */
export interface TransitSettings {
  /** Origin of Vault, without a trailing slash. */
  address: string
  mount: string
  keyName: string
  token?: string
  /** Read again for every request: an agent of Vault renews it in place. */
  tokenFile?: string
  caFile?: string
  namespace?: string
}

/** The variables that say where the master key is and how Vault is reached. */
export const vaultFields = {
  GATEHOUSE_MASTER_KEY: z.string().transform(transitKey).optional(),
  VAULT_TOKEN: z.string().optional(),
  VAULT_TOKEN_FILE: z.string().optional(),
  VAULT_CACERT: z.string().optional(),
  VAULT_NAMESPACE: z.string().optional(),
}
type RawVault = z.output<z.ZodObject<typeof vaultFields>>

/** These are also other programs' variables: they are looked at when Vault is asked for, and not before. */
export function vaultProblems({
  VAULT_TOKEN: token,
  VAULT_TOKEN_FILE: tokenFile,
  VAULT_CACERT: caFile,
}: RawVault): string[] {
  const problems: string[] = []
  if (Boolean(token) === Boolean(tokenFile))
    problems.push('VAULT_TOKEN or VAULT_TOKEN_FILE must be set, one of them, with GATEHOUSE_MASTER_KEY=vault:…')
  if (tokenFile && !isReadable(tokenFile)) problems.push('VAULT_TOKEN_FILE must name a file that can be read')
  if (caFile && !isReadable(caFile)) problems.push('VAULT_CACERT must name a file that can be read')
  return problems
}

/** `key` is what GATEHOUSE_MASTER_KEY names. */
export function transitSettings(raw: RawVault, key: TransitKey): TransitSettings {
  return {
    ...key,
    ...(raw.VAULT_TOKEN && { token: raw.VAULT_TOKEN }),
    ...(raw.VAULT_TOKEN_FILE && { tokenFile: raw.VAULT_TOKEN_FILE }),
    ...(raw.VAULT_CACERT && { caFile: raw.VAULT_CACERT }),
    ...(raw.VAULT_NAMESPACE && { namespace: raw.VAULT_NAMESPACE }),
  }
}

type TransitKey = Pick<TransitSettings, 'address' | 'mount' | 'keyName'>

/** `vault:https://host:8200/MOUNT/KEY`, or nothing for `file`. Plain HTTP is for an agent of Vault on this machine. */
function transitKey(value: string, context: z.RefinementCtx): TransitKey | undefined {
  if (value === 'file') return undefined
  const text = value.startsWith('vault:') ? value.slice('vault:'.length) : ''
  const parsed = parseUrl(text, ['https:', 'http:'])
  const segments = (parsed?.pathname.slice(1) ?? '').split('/')
  const keyName = segments.pop() ?? ''
  const names = [...segments, keyName]
  if (
    parsed &&
    isPrivate(parsed) &&
    !parsed.search &&
    !parsed.username &&
    segments.length > 0 &&
    names.every((name) => /^[\w.-]+$/.test(name))
  )
    return { address: parsed.origin, mount: segments.join('/'), keyName }
  context.addIssue({
    code: 'custom',
    message: 'must be file, or look like vault:https://HOST:8200/transit/KEY (http:// on this machine alone)',
  })
  return z.NEVER
}
