import { accessSync, constants } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { type Cidr, parseCidr } from '#lib/client-address.ts'

/** The start's parameters, validated; see docs/guides/running.md for what each does. */
export interface Env {
  port: number
  gatewayPort: number
  host: string
  /** Absolute. */
  dataDir: string
  /** Public origin of the console, without a trailing slash. */
  url: string
  /** Public origin of the gateway, without a trailing slash. */
  gatewayUrl: string
  /** Unset: the embedded PostgreSQL of the data directory. */
  databaseUrl?: string
  tls?: CertificateFiles
  consoleTls?: CertificateFiles
  masterKeyFile: string
  /** The master key lies in HashiCorp Vault; unset: in `masterKeyFile`. */
  transit?: TransitSettings
  smtpUrl?: string
  /** Whom push services may reach about us; unset: browsers are not woken by web push. */
  pushContact?: string
  logLevel: (typeof LOG_LEVELS)[number]
  /** Private networks in which witnesses of the audit log may be; none: public addresses over HTTPS alone. */
  witnessNetworks: readonly Cidr[]
  /** What finished exports of the log may take in the data directory, of all organisations together. */
  exportSpaceBytes: number
  /** Whose forwarded addresses are believed. */
  trustedProxies: readonly Cidr[]
  gatewayProxyProtocol?: 'v2'
  /** Where archived months are kept; unset: in the data directory. */
  archiveBucket?: ArchiveBucket
}

/** A bucket that speaks S3. */
export interface ArchiveBucket {
  /** Origin; where it begins with the bucket's name, that is how the bucket is addressed. */
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  /** What all keys begin with, without slashes around it; empty for none. */
  prefix: string
}

/** A key of Vault's transit engine, and how to reach it. */
export interface TransitSettings {
  /** Origin of Vault, without a trailing slash. */
  address: string
  mount: string
  keyName: string
  token?: string
  tokenFile?: string
  caFile?: string
  namespace?: string
}

export interface CertificateFiles {
  certFile: string
  keyFile: string
}

/** One line per wrong variable: its name and what is allowed. */
export class EnvError extends Error {
  override name = 'EnvError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const schema = z.object({
  PORT: port(3000),
  GATEWAY_PORT: port(8443),
  GATEHOUSE_HOST: z
    .string()
    .refine((value) => isIP(value) > 0 || value === 'localhost', 'must be an IP address to listen on, or localhost')
    .default('127.0.0.1'),
  GATEHOUSE_DATA_DIR: z.string().default('.gatehouse'),
  GATEHOUSE_URL: origin(['http:', 'https:']).optional(),
  GATEHOUSE_GATEWAY_URL: origin(['https:']).optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:'], 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE').optional(),
  GATEHOUSE_TLS_CERT: readableFile().optional(),
  GATEHOUSE_TLS_KEY: readableFile().optional(),
  GATEHOUSE_CONSOLE_TLS_CERT: readableFile().optional(),
  GATEHOUSE_CONSOLE_TLS_KEY: readableFile().optional(),
  GATEHOUSE_MASTER_KEY_FILE: z.string().optional(),
  GATEHOUSE_MASTER_KEY: z.string().transform(transitKey).optional(),
  VAULT_TOKEN: z.string().optional(),
  VAULT_TOKEN_FILE: z.string().optional(),
  VAULT_CACERT: z.string().optional(),
  VAULT_NAMESPACE: z.string().optional(),
  SMTP_URL: url(['smtp:', 'smtps:'], 'smtp://USER:PASSWORD@HOST:PORT').optional(),
  GATEHOUSE_PUSH_CONTACT: z
    .string()
    .regex(
      /^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/,
      'must look like mailto:security@example.org or https://example.org/contact',
    )
    .optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  GATEHOUSE_WITNESS_NETWORKS: z.string().default('').transform(cidrs),
  GATEHOUSE_EXPORT_SPACE_GIB: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, 'must be a whole number of GiB from 1 to 999999')
    .transform(Number)
    .default(40),
  GATEHOUSE_TRUSTED_PROXIES: z.string().default('').transform(cidrs),
  GATEHOUSE_GATEWAY_PROXY_PROTOCOL: z.literal('v2', 'must be v2 or unset').optional(),
  GATEHOUSE_ARCHIVE_S3_ENDPOINT: privateOrigin().optional(),
  GATEHOUSE_ARCHIVE_S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket: 3 to 63 of a-z, 0-9, dots and hyphens')
    .optional(),
  GATEHOUSE_ARCHIVE_S3_REGION: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'must be the name of a region such as eu-central-1')
    .optional(),
  GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID: word().optional(),
  GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY: word().optional(),
  GATEHOUSE_ARCHIVE_S3_PREFIX: z
    .string()
    .regex(/^[\w=-][\w.=-]*(\/[\w=-][\w.=-]*)*$/, 'must look like gatehouse/archive, of letters, digits, ., =, _ and -')
    .optional(),
})
type Raw = z.output<typeof schema>

/**
 * Reads and validates the environment.
 * @throws EnvError naming every wrong variable and what is allowed
 */
export function readEnv(source: Readonly<Record<string, string | undefined>> = process.env): Env {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''))
  const parsed = schema.safeParse(given)
  if (!parsed.success)
    throw new EnvError(parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`))
  const env = toEnv(parsed.data)
  const conflicts = [...conflictsOf(parsed.data), ...urlProblems(env)]
  if (conflicts.length > 0) throw new EnvError(conflicts)
  return env
}

function toEnv(raw: Raw): Env {
  const dataDir = resolve(raw.GATEHOUSE_DATA_DIR)
  const tls = files(raw.GATEHOUSE_TLS_CERT, raw.GATEHOUSE_TLS_KEY)
  const consoleTls = files(raw.GATEHOUSE_CONSOLE_TLS_CERT, raw.GATEHOUSE_CONSOLE_TLS_KEY)
  return {
    port: raw.PORT,
    gatewayPort: raw.GATEWAY_PORT,
    host: raw.GATEHOUSE_HOST,
    dataDir,
    url: raw.GATEHOUSE_URL ?? `${consoleTls ? 'https' : 'http'}://localhost:${raw.PORT}`,
    gatewayUrl: raw.GATEHOUSE_GATEWAY_URL ?? `https://localhost:${raw.GATEWAY_PORT}`,
    masterKeyFile: raw.GATEHOUSE_MASTER_KEY_FILE
      ? resolve(raw.GATEHOUSE_MASTER_KEY_FILE)
      : join(dataDir, 'keys/master.key'),
    logLevel: raw.LOG_LEVEL,
    witnessNetworks: raw.GATEHOUSE_WITNESS_NETWORKS,
    exportSpaceBytes: raw.GATEHOUSE_EXPORT_SPACE_GIB * 1_024 ** 3,
    trustedProxies: raw.GATEHOUSE_TRUSTED_PROXIES,
    ...(raw.GATEHOUSE_MASTER_KEY && { transit: transitSettings(raw, raw.GATEHOUSE_MASTER_KEY) }),
    ...(raw.DATABASE_URL && { databaseUrl: raw.DATABASE_URL }),
    ...(tls && { tls }),
    ...(consoleTls && { consoleTls }),
    ...(raw.SMTP_URL && { smtpUrl: raw.SMTP_URL }),
    ...(raw.GATEHOUSE_PUSH_CONTACT && { pushContact: raw.GATEHOUSE_PUSH_CONTACT }),
    ...(raw.GATEHOUSE_GATEWAY_PROXY_PROTOCOL && { gatewayProxyProtocol: raw.GATEHOUSE_GATEWAY_PROXY_PROTOCOL }),
    ...(raw.GATEHOUSE_ARCHIVE_S3_BUCKET && { archiveBucket: bucketSettings(raw, raw.GATEHOUSE_ARCHIVE_S3_BUCKET) }),
  }
}

function conflictsOf(raw: Raw): string[] {
  const problems: string[] = []
  if (raw.PORT === raw.GATEWAY_PORT) problems.push('GATEWAY_PORT must differ from PORT')
  for (const prefix of ['GATEHOUSE_TLS', 'GATEHOUSE_CONSOLE_TLS'] as const) {
    if (raw[`${prefix}_CERT`] && !raw[`${prefix}_KEY`])
      problems.push(`${prefix}_KEY must be set together with ${prefix}_CERT`)
    if (raw[`${prefix}_KEY`] && !raw[`${prefix}_CERT`])
      problems.push(`${prefix}_CERT must be set together with ${prefix}_KEY`)
  }
  if (raw.GATEHOUSE_MASTER_KEY) problems.push(...vaultProblems(raw))
  problems.push(...bucketProblems(raw))
  if (raw.GATEHOUSE_GATEWAY_PROXY_PROTOCOL && raw.GATEHOUSE_TRUSTED_PROXIES.length === 0) {
    problems.push('GATEHOUSE_TRUSTED_PROXIES must name the proxies that speak GATEHOUSE_GATEWAY_PROXY_PROTOCOL')
  }
  return problems
}

/** These are also other programs' variables: they are looked at when Vault is asked for, and not before. */
function vaultProblems({ VAULT_TOKEN: token, VAULT_TOKEN_FILE: tokenFile, VAULT_CACERT: caFile }: Raw): string[] {
  const problems: string[] = []
  if (Boolean(token) === Boolean(tokenFile))
    problems.push('VAULT_TOKEN or VAULT_TOKEN_FILE must be set, one of them, with GATEHOUSE_MASTER_KEY=vault:…')
  if (tokenFile && !isReadable(tokenFile)) problems.push('VAULT_TOKEN_FILE must name a file that can be read')
  if (caFile && !isReadable(caFile)) problems.push('VAULT_CACERT must name a file that can be read')
  return problems
}

function transitSettings(raw: Raw, key: TransitKey): TransitSettings {
  return {
    ...key,
    ...(raw.VAULT_TOKEN && { token: raw.VAULT_TOKEN }),
    ...(raw.VAULT_TOKEN_FILE && { tokenFile: raw.VAULT_TOKEN_FILE }),
    ...(raw.VAULT_CACERT && { caFile: raw.VAULT_CACERT }),
    ...(raw.VAULT_NAMESPACE && { namespace: raw.VAULT_NAMESPACE }),
  }
}

const BUCKET_NEEDS = [
  'GATEHOUSE_ARCHIVE_S3_ENDPOINT',
  'GATEHOUSE_ARCHIVE_S3_BUCKET',
  'GATEHOUSE_ARCHIVE_S3_REGION',
  'GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID',
  'GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY',
] as const

/** All or none: half a bucket would leave the archive in the data directory without a word. */
function bucketProblems(raw: Raw): string[] {
  const missing = BUCKET_NEEDS.filter((name) => !raw[name])
  const isAsked = missing.length < BUCKET_NEEDS.length || Boolean(raw.GATEHOUSE_ARCHIVE_S3_PREFIX)
  return isAsked
    ? missing.map((name) => `${name} must be set together with the other GATEHOUSE_ARCHIVE_S3_ variables`)
    : []
}

/** What is missing is told by `bucketProblems`. */
function bucketSettings(raw: Raw, bucket: string): ArchiveBucket {
  return {
    endpoint: raw.GATEHOUSE_ARCHIVE_S3_ENDPOINT ?? '',
    bucket,
    region: raw.GATEHOUSE_ARCHIVE_S3_REGION ?? '',
    accessKeyId: raw.GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: raw.GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY ?? '',
    prefix: raw.GATEHOUSE_ARCHIVE_S3_PREFIX ?? '',
  }
}

/** Cookies with the __Host- prefix and passkeys work on HTTPS and on http://localhost, and silently nowhere else. */
function urlProblems(env: Env): string[] {
  const { protocol, hostname } = new URL(env.url)
  if (protocol === 'https:') {
    if (env.consoleTls || env.trustedProxies.length > 0) return []
    return [
      'GATEHOUSE_URL is https but nothing here speaks it: set GATEHOUSE_CONSOLE_TLS_CERT and _KEY, or GATEHOUSE_TRUSTED_PROXIES when a proxy does',
    ]
  }
  if (env.consoleTls) return ['GATEHOUSE_URL must be https:// while GATEHOUSE_CONSOLE_TLS_CERT is set']
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return []
  if (isIP(hostname.replace(/[[\]]/g, '')) > 0 && /^(127\.|\[::1\])/.test(hostname)) {
    return [`GATEHOUSE_URL must be http://localhost:${env.port} on this machine (sign-in does not work on ${hostname})`]
  }
  return [
    'GATEHOUSE_URL must be https:// on any name but localhost: use a TLS proxy with GATEHOUSE_TRUSTED_PROXIES, or GATEHOUSE_CONSOLE_TLS_CERT and _KEY',
  ]
}

function port(fallback: number) {
  const allowed = 'must be a port number from 1 to 65535'
  return z
    .string()
    .regex(/^\d{1,5}$/, allowed)
    .transform(Number)
    .refine((value) => value >= 1 && value <= 65_535, allowed)
    .default(fallback)
}

function parseUrl(value: string, protocols: readonly string[]): URL | undefined {
  const parsed = URL.canParse(value) ? new URL(value) : undefined
  // A PostgreSQL URL may name a socket's folder instead of a host.
  const host = parsed?.hostname || parsed?.searchParams.get('host')
  return parsed && host && protocols.includes(parsed.protocol) ? parsed : undefined
}

function url(protocols: readonly string[], form: string) {
  return z.string().refine((value) => parseUrl(value, protocols) !== undefined, `must look like ${form}`)
}

/** An origin alone: a path would be lost wherever a link is built from it. */
function origin(protocols: readonly string[]) {
  const form = `must look like ${protocols.map((protocol) => `${protocol}//host[:port]`).join(' or ')}, without a path`
  return z.string().transform((value, context) => {
    const parsed = parseUrl(value, protocols)
    if (parsed && `${parsed.origin}/` === parsed.href) return parsed.origin
    context.addIssue({ code: 'custom', message: form })
    return z.NEVER
  })
}

/** Like `origin`, of something that is sent what is nobody else's business: plain HTTP does on this machine alone. */
function privateOrigin() {
  return origin(['https:', 'http:']).refine(
    (value) => isPrivate(new URL(value)),
    'must be https:// (http:// on this machine alone)',
  )
}

function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

/** A credential as it goes into a header. The message does not repeat it. */
function word() {
  return z.string().regex(/^[!-~]+$/, 'must be printable ASCII without spaces')
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

function readableFile() {
  return z
    .string()
    .transform((value) => resolve(value))
    .refine(isReadable, 'must name a file that can be read')
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function cidrs(value: string, context: z.RefinementCtx): Cidr[] {
  const entries = value.split(',').map((entry) => entry.trim())
  return entries.filter(Boolean).flatMap((entry) => {
    try {
      return [parseCidr(entry)]
    } catch {
      const message = `must be networks such as 10.0.0.0/8 or ::1, separated by commas (got ${JSON.stringify(entry)})`
      context.addIssue({ code: 'custom', message })
      return []
    }
  })
}

function files(certFile: string | undefined, keyFile: string | undefined): CertificateFiles | undefined {
  return certFile && keyFile ? { certFile, keyFile } : undefined
}
