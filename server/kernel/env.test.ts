import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isWithin } from '#lib/client-address.ts'
import { EnvError, readEnv } from './env.ts'

const dir = mkdtempSync(join(tmpdir(), 'gatehouse-env-'))
afterAll(() => rmSync(dir, { recursive: true }))
const file = join(dir, 'file.pem')
writeFileSync(file, 'x')

function problemsOf(source: Record<string, string>): readonly string[] {
  try {
    readEnv(source)
  } catch (error) {
    if (error instanceof EnvError) return error.problems
    throw error
  }
  return []
}

test('an empty environment gives the documented defaults', () => {
  expect(readEnv({})).toMatchObject({
    port: 3000,
    gatewayPort: 8443,
    host: '127.0.0.1',
    dataDir: join(process.cwd(), '.gatehouse'),
    url: 'http://localhost:3000',
    gatewayUrl: 'https://localhost:8443',
    masterKeyFile: join(process.cwd(), '.gatehouse/keys/master.key'),
    logLevel: 'info',
    exportSpaceBytes: 40 * 1_024 ** 3,
    trustedProxies: [],
    witnessNetworks: [],
  })
  expect(Object.keys(readEnv({}))).not.toContain('databaseUrl')
})

test('the public URLs follow the ports, and an empty value counts as unset', () => {
  const env = readEnv({ PORT: '4000', GATEWAY_PORT: '4001', GATEHOUSE_URL: '', DATABASE_URL: '' })
  expect([env.url, env.gatewayUrl]).toEqual(['http://localhost:4000', 'https://localhost:4001'])
})

test.each([
  ['PORT', '0', /^PORT must be a port number from 1 to 65535$/],
  ['PORT', 'http', /^PORT must be a port/],
  ['GATEWAY_PORT', '65536', /^GATEWAY_PORT must be a port/],
  ['GATEWAY_PORT', '3000', /^GATEWAY_PORT must differ from PORT$/],
  ['GATEHOUSE_HOST', 'example.com', /^GATEHOUSE_HOST must be an IP address/],
  ['GATEHOUSE_URL', 'http://console.example', /^GATEHOUSE_URL must be https:\/\/ on any name but localhost/],
  ['GATEHOUSE_URL', 'http://127.0.0.1:3000', /^GATEHOUSE_URL must be http:\/\/localhost:3000 on this machine/],
  ['GATEHOUSE_URL', 'https://console.example', /^GATEHOUSE_URL is https but nothing here speaks it/],
  [
    'GATEHOUSE_URL',
    'http://localhost:3000/console',
    /^GATEHOUSE_URL must look like http:\/\/host\[:port\].*without a path$/,
  ],
  ['GATEHOUSE_URL', 'http://user@localhost', /^GATEHOUSE_URL must look like/],
  ['GATEHOUSE_GATEWAY_URL', 'http://gateway.example', /^GATEHOUSE_GATEWAY_URL must look like https:/],
  ['DATABASE_URL', 'mysql://db', /^DATABASE_URL must look like postgresql:/],
  ['SMTP_URL', 'mail.example', /^SMTP_URL must look like smtp:/],
  ['GATEHOUSE_MASTER_KEY', 'hsm', /^GATEHOUSE_MASTER_KEY must be file, or look like vault:https:/],
  ['GATEHOUSE_MASTER_KEY', 'vault:https://vault.example:8200/transit', /^GATEHOUSE_MASTER_KEY must be file/],
  [
    'GATEHOUSE_MASTER_KEY',
    'vault:http://vault.example:8200/transit/key',
    /^GATEHOUSE_MASTER_KEY must .*on this machine alone/,
  ],
  ['GATEHOUSE_MASTER_KEY', 'vault:https://vault.example/transit/../key', /^GATEHOUSE_MASTER_KEY must be file/],
  [
    'GATEHOUSE_MASTER_KEY',
    'vault:https://vault.example/transit/key',
    /^VAULT_TOKEN or VAULT_TOKEN_FILE must be set, one of them/,
  ],
  ['LOG_LEVEL', 'loud', /^LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent$/],
  ['GATEHOUSE_TRUSTED_PROXIES', '10.0.0.0/8, nowhere', /^GATEHOUSE_TRUSTED_PROXIES must be networks .*"nowhere"/],
  ['GATEHOUSE_TLS_CERT', '/nowhere.pem', /^GATEHOUSE_TLS_CERT must name a file that can be read$/],
  ['GATEHOUSE_TLS_CERT', file, /^GATEHOUSE_TLS_KEY must be set together with GATEHOUSE_TLS_CERT$/],
  ['GATEHOUSE_CONSOLE_TLS_KEY', file, /^GATEHOUSE_CONSOLE_TLS_CERT must be set together/],
  ['GATEHOUSE_GATEWAY_PROXY_PROTOCOL', 'v1', /^GATEHOUSE_GATEWAY_PROXY_PROTOCOL must be v2 or unset$/],
  ['GATEHOUSE_GATEWAY_PROXY_PROTOCOL', 'v2', /^GATEHOUSE_TRUSTED_PROXIES must name the proxies/],
])('%s=%s is refused by name, with what is allowed', (name, value, message) => {
  expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(message)])
})

test('every wrong variable is named at once', () => {
  expect(problemsOf({ PORT: 'x', LOG_LEVEL: 'y' })).toHaveLength(2)
})

test('a public name needs HTTPS from a trusted proxy or from our own front', () => {
  const proxied = readEnv({ GATEHOUSE_URL: 'https://console.example/', GATEHOUSE_TRUSTED_PROXIES: '10.0.0.0/8, ::1' })
  expect(proxied.url).toBe('https://console.example')
  expect(isWithin('10.9.9.9', proxied.trustedProxies)).toBe(true)
  const front = { GATEHOUSE_CONSOLE_TLS_CERT: file, GATEHOUSE_CONSOLE_TLS_KEY: file }
  expect(readEnv(front)).toMatchObject({ url: 'https://localhost:3000', consoleTls: { certFile: file, keyFile: file } })
  expect(problemsOf({ ...front, GATEHOUSE_URL: 'http://localhost:3000' })).toHaveLength(1)
})

test('a database may be named by its socket', () => {
  const databaseUrl = 'postgresql:///gatehouse?host=/run/postgresql'
  expect(readEnv({ DATABASE_URL: databaseUrl }).databaseUrl).toBe(databaseUrl)
})

test('the master key in Vault, with what it takes to reach it', () => {
  const GATEHOUSE_MASTER_KEY = 'vault:https://vault.example:8200/team/transit/gate-house'
  const given = { GATEHOUSE_MASTER_KEY, VAULT_TOKEN_FILE: file, VAULT_CACERT: file, VAULT_NAMESPACE: 'a/b' }
  expect(readEnv(given).transit).toEqual({
    address: 'https://vault.example:8200',
    mount: 'team/transit',
    keyName: 'gate-house',
    tokenFile: file,
    caFile: file,
    namespace: 'a/b',
  })
  const local = { GATEHOUSE_MASTER_KEY: 'vault:http://127.0.0.1:8100/transit/key', VAULT_TOKEN: 'hvs.x' }
  expect(readEnv(local).transit).toMatchObject({ address: 'http://127.0.0.1:8100', token: 'hvs.x' })
  expect(problemsOf({ ...given, VAULT_TOKEN_FILE: '/nowhere', VAULT_CACERT: '/nowhere' })).toEqual([
    'VAULT_TOKEN_FILE must name a file that can be read',
    'VAULT_CACERT must name a file that can be read',
  ])
  // Somebody else's variables are nobody's fault.
  expect(problemsOf({ VAULT_CACERT: '/nowhere', VAULT_TOKEN_FILE: '/nowhere' })).toEqual([])
  expect(Object.keys(readEnv({ GATEHOUSE_MASTER_KEY: 'file' }))).not.toContain('transit')
})

const bucket = {
  GATEHOUSE_ARCHIVE_S3_ENDPOINT: 'https://s3.eu-central-1.amazonaws.com',
  GATEHOUSE_ARCHIVE_S3_BUCKET: 'example-log',
  GATEHOUSE_ARCHIVE_S3_REGION: 'eu-central-1',
  GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY: 'wJalr/XUtn+FEMI',
}

test('archived months in a bucket: all of its variables, or none', () => {
  expect(readEnv({ ...bucket, GATEHOUSE_ARCHIVE_S3_PREFIX: 'gatehouse/prod' }).archiveBucket).toEqual({
    endpoint: 'https://s3.eu-central-1.amazonaws.com',
    bucket: 'example-log',
    region: 'eu-central-1',
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalr/XUtn+FEMI',
    prefix: 'gatehouse/prod',
  })
  expect(readEnv(bucket).archiveBucket).toMatchObject({ prefix: '' })
  expect(Object.keys(readEnv({}))).not.toContain('archiveBucket')
  for (const name of Object.keys(bucket))
    expect(problemsOf({ ...bucket, [name]: '' })).toEqual([
      `${name} must be set together with the other GATEHOUSE_ARCHIVE_S3_ variables`,
    ])
  expect(problemsOf({ GATEHOUSE_ARCHIVE_S3_PREFIX: 'a' })).toHaveLength(5)
})

test.each([
  ['ENDPOINT', 'http://minio.internal:9000', /must be https:\/\/ \(http:\/\/ on this machine alone\)$/],
  ['ENDPOINT', 's3.example.org', /must look like https:\/\/host/],
  ['ENDPOINT', 'https://s3.example.org/bucket', /without a path$/],
  ['BUCKET', 'Upper_Case', /must be the name of a bucket/],
  ['REGION', 'eu/central', /must be the name of a region/],
  ['SECRET_ACCESS_KEY', 'two words', /must be printable ASCII without spaces$/],
  ['PREFIX', '/leading', /must look like gatehouse\/archive/],
  ['PREFIX', 'a/../b', /must look like gatehouse\/archive/],
])('GATEHOUSE_ARCHIVE_S3_%s=%s is refused', (name, value, message) => {
  const full = `GATEHOUSE_ARCHIVE_S3_${name}`
  const problems = problemsOf({ ...bucket, [full]: value })
  expect(problems).toEqual([expect.stringMatching(message)])
  expect(problems[0]).toMatch(new RegExp(`^${full} `))
})

test('a bucket on this machine may do without TLS', () => {
  const GATEHOUSE_ARCHIVE_S3_ENDPOINT = 'http://127.0.0.1:9000'
  expect(readEnv({ ...bucket, GATEHOUSE_ARCHIVE_S3_ENDPOINT }).archiveBucket).toMatchObject({
    endpoint: GATEHOUSE_ARCHIVE_S3_ENDPOINT,
  })
})
