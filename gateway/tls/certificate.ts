import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Server } from 'node:tls'
import type { Logger } from 'pino'
import type { CertificateFiles } from '#server/kernel/env.ts'
import { issueLeaf, loadAuthority } from './authority.ts'
import { tlsSettings } from './settings.ts'

const LOOK_EVERY_MS = 30_000
const NEW_TICKET_KEYS_EVERY_MS = 3_600_000
const TICKET_KEY_BYTES = 48

export type ServingCertificate = { cert: string | Buffer; key: string | Buffer }

/** Where the certificate comes from: `current` reads or makes it, `isStale` says when to ask again. */
export type CertificateSource = { current(): Promise<ServingCertificate>; isStale(): boolean }

export type OwnCertificateOptions = { dataDir: string; gatewayUrl: string; host: string; now: () => Date }

/** Certificates of the gateway's own CA for this machine and the public name, renewed at half of their life. */
export function ownCertificate({ dataDir, gatewayUrl, host, now }: OwnCertificateOptions): CertificateSource {
  let renewAt = now()
  const publicHost = new URL(gatewayUrl).hostname.replace(/^\[(.*)\]$/, '$1')
  const hosts = ['localhost', '127.0.0.1', '::1', publicHost, ...(isWildcard(host) ? [] : [host])]
  return {
    isStale: () => now() >= renewAt,
    current: async () => {
      const nowMs = now().getTime()
      const leaf = await issueLeaf(await loadAuthority(dataDir, nowMs), hosts, nowMs)
      renewAt = leaf.renewAt
      return leaf
    },
  }
}

/** The operator's own files; a change of either is picked up. */
export function givenCertificate({ certFile, keyFile }: CertificateFiles): CertificateSource {
  const ages = () => `${statSync(certFile).mtimeMs} ${statSync(keyFile).mtimeMs}`
  let seen = ''
  return {
    isStale: () => ages() !== seen,
    current: async () => {
      // Taken before reading: a file that changes meanwhile is read once more at the next look.
      const before = ages()
      const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
      seen = before
      return pair
    },
  }
}

/** Keeps a listening server's certificate and ticket keys fresh without dropping a connection. Returns what ends it. */
export function keepCertificateFresh(server: Server, source: CertificateSource, log: Logger): () => void {
  const renew = async () => {
    try {
      if (!source.isStale()) return
      server.setSecureContext({ ...tlsSettings(), ...(await source.current()) })
      log.info('the certificate was renewed')
    } catch (error) {
      // Half-written while it is replaced, or unreadable: the old one serves on and the next look tries again.
      log.error({ err: error }, 'the certificate could not be renewed')
    }
  }
  const timers = [
    setInterval(() => void renew(), LOOK_EVERY_MS),
    // A TLS 1.2 session is only as secret as the key of its ticket: forget each after an hour.
    setInterval(() => server.setTicketKeys(randomBytes(TICKET_KEY_BYTES)), NEW_TICKET_KEYS_EVERY_MS),
  ]
  for (const timer of timers) timer.unref()
  return () => timers.forEach(clearInterval)
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
