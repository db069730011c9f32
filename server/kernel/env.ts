import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { Cidr } from '#lib/client-address.ts'
import { type ArchiveBucket, bucketFields, bucketProblems, bucketSettings } from './env/archive-bucket.ts'
import { cidrs, origin, port, readableFile, url } from './env/fields.ts'
import { type TransitSettings, transitSettings, vaultFields, vaultProblems } from './env/vault.ts'

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
  ...vaultFields,
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
  ...bucketFields,
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

function files(certFile: string | undefined, keyFile: string | undefined): CertificateFiles | undefined {
  return certFile && keyFile ? { certFile, keyFile } : undefined
}
