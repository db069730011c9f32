// The certificate library's dependency injection wants this polyfill first.
import 'reflect-metadata'
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

const DAY_MS = 86_400_000
const CA_YEARS = 10
/** Phones check our dates by their own clock: the certificate has begun for one that is a month behind, too. */
const BACKDATED_DAYS = 30
const LEAF_DAYS = 60

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export type Authority = { certificate: X509Certificate; key: CryptoKey }

/** A certificate to serve with and its key, PEM; `renewAt` when a new one should be made. */
export type Leaf = { cert: string; key: string; renewAt: Date }

/**
 * The gateway's own certificate authority, made on first use: key and certificate in `gateway-tls/` (0600), the certificate
 * alone in `ca.pem` for those who are to trust it. Several gateways starting at once agree on one.
 */
export async function loadAuthority(dataDir: string, nowMs: number): Promise<Authority> {
  const folder = join(dataDir, 'gateway-tls')
  const file = join(folder, 'ca-key.pem')
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeOnce(file, await createAuthority(nowMs))
  }
  const authority = await readAuthority(file)
  publish(join(dataDir, 'ca.pem'), authority.certificate.toString('pem'))
  return authority
}

/** A server certificate for `hosts` (names and addresses); its key never touches the disk. */
export async function issueLeaf(
  { certificate, key }: Authority,
  hosts: readonly string[],
  nowMs: number,
): Promise<Leaf> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const names = [...new Set(hosts)].map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }))
  const leaf = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=Gatehouse gateway',
    issuer: certificate.subject,
    notBefore: new Date(Math.max(nowMs - BACKDATED_DAYS * DAY_MS, certificate.notBefore.getTime())),
    notAfter: new Date(nowMs + LEAF_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: key,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const chain = `${leaf.toString('pem')}\n${certificate.toString('pem')}\n`
  return { cert: chain, key: await privatePem(keys.privateKey), renewAt: new Date(nowMs + (LEAF_DAYS / 2) * DAY_MS) }
}

async function createAuthority(nowMs: number): Promise<string> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Gatehouse gateway CA ${randomBytes(4).toString('hex')}`,
    notBefore: new Date(nowMs - BACKDATED_DAYS * DAY_MS),
    notAfter: new Date(nowMs + CA_YEARS * 365 * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return `${await privatePem(keys.privateKey)}\n${certificate.toString('pem')}\n`
}

async function readAuthority(file: string): Promise<Authority> {
  const blocks = PemConverter.decodeWithHeaders(readFileSync(file, 'utf8'))
  const bytes = (type: string) => {
    const found = blocks.find((block) => block.type === type)
    if (!found) throw new Error(`${file} holds no ${type}`)
    return found.rawData
  }
  const key = await crypto.subtle.importKey('pkcs8', bytes('PRIVATE KEY'), ALGORITHM, false, ['sign'])
  return { certificate: new X509Certificate(bytes('CERTIFICATE')), key }
}

async function privatePem(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

/** Positive and 127 bits: some readers refuse more than 20 bytes or a sign. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

/** Whole or not at all, and never over another's: dying here leaves a stray file beside it, no half CA. */
function writeOnce(file: string, text: string): void {
  const beside = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(beside, text, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(beside, file)
  } catch (error) {
    // Another gateway was first: its CA is the CA.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(beside, { force: true })
  }
}

function publish(file: string, pem: string): void {
  const text = `${pem}\n`
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  const beside = `${file}.${process.pid}.new`
  writeFileSync(beside, text, { mode: 0o644 })
  renameSync(beside, file)
}
