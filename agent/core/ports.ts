import type { Bytes } from '#lib/bytes.ts'
import type { PublicJwk } from '#protocol/device/keys.ts'
import type { ClientTls } from '#protocol/device/messages.ts'
import type { VaultBinding } from '#protocol/device/vault-key.ts'

/** Small named blobs of one device: `device.json`, `vault/<id>`. A name has at most one folder. */
export interface Store {
  read(name: string): Promise<Bytes | null>
  /** Replaces as a whole and is durable when it returns: a crash leaves the old bytes or the new ones. */
  write(name: string, bytes: Uint8Array): Promise<void>
  remove(name: string): Promise<void>
  /** Overwrites, then removes; durable when it returns. Harmless where there is nothing. */
  shred(name: string): Promise<void>
  /** Finished blobs of a folder. */
  list(folder: string): Promise<{ name: string; sizeBytes: number }[]>
  /** Shreds everything in a folder, unfinished writes too, and the folder. */
  shredFolder(folder: string): Promise<void>
  /** One at a time among all processes of this device; freed when a process dies. Not reentrant. */
  exclusive<T>(work: () => Promise<T>): Promise<T>
}

/** One of the device's key pairs: the private half as a key that can be used, never read. */
export type RingKey = { key: CryptoKey; publicJwk: PublicJwk }

/** What a ring holds: the signing pair, the sealing pair, and the device's half of the vault key. */
export type RingPart = 'signing' | 'sealing' | 'secret'

/**
 * The device's keys. What is durable and what a crash means is as with a `Store`; private keys and the secret never leave
 * it but as keys that WebCrypto refuses to export.
 */
export interface KeyRing {
  /** For ES256, or null before it was made and after it was destroyed. */
  signing(): Promise<RingKey | null>
  /** For ECDH, to open what is sealed to this device. */
  sealing(): Promise<RingKey | null>
  /** Made once: asked again, the same pair. */
  makeSigning(): Promise<RingKey>
  makeSealing(): Promise<RingKey>
  /** Makes the device's half of the vault key, in place of an earlier one. */
  makeSecret(): Promise<void>
  /** The vault key with the server's share, or null without a secret. */
  vaultKey(share: Uint8Array, binding: VaultBinding): Promise<CryptoKey | null>
  /** The key of what must work without the server, or null without a secret. */
  localKey(binding: VaultBinding): Promise<CryptoKey | null>
  /** Durable when it returns; harmless where there is nothing. */
  destroy(part: RingPart): Promise<void>
}

/** Seals what is kept locally under the device's own secret. `context` is authenticated, not stored. */
export interface LocalCipher {
  seal(plaintext: Uint8Array, context: string): Promise<Bytes>
  open(sealed: Uint8Array, context: string): Promise<Bytes>
}

/** Events that wait for the server, numbered from 1 without a gap among all processes. */
export interface EventQueue {
  /** Durable when it returns; gives the number. `lineFor` may be called once only. */
  append(lineFor: (seq: number) => string): Promise<number>
  /** The oldest lines within the limits, at least one where there is any. */
  peek(limits: { lines: number; bytes: number }): Promise<{ seq: number; line: string }[]>
  /** Forgets every line up to and including this number. */
  acknowledge(through: number): Promise<void>
  state(): Promise<{ lastSeq: number; waiting: number }>
  close(): void
}

export type TransportRequest = {
  method: 'GET' | 'POST'
  url: string
  headers: Record<string, string>
  body?: Uint8Array | undefined
  /** Longest silence before the request fails. */
  timeoutMs: number
  signal?: AbortSignal | undefined
}

export type TransportResponse = {
  status: number
  header(name: string): string | null
  /** The body as it arrives; read it once, or not at all. */
  chunks: AsyncIterable<Uint8Array>
}

/** Throws OfflineError where no answer came. */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResponse>
  /** The newest connection as this side sees it, or null where the runtime does not tell. */
  tls(): ClientTls | null
}

export interface Clock {
  /** Milliseconds since 1970; anybody may set it. */
  now(): number
  /** Milliseconds that nobody can set back. */
  monotonic(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Another process of the same device that stays connected and may hold the share. */
export interface Companion {
  /** The share while its lease lasts, or null; null as well where no such process runs. */
  share(): Promise<Bytes | null>
  /** Something was queued. */
  poke(): Promise<void>
  /** The share must not be used any more. */
  drop(): Promise<void>
}

export type AgentPorts = {
  store: Store
  keys: KeyRing
  clock: Clock
  companion: Companion
  transport: Transport
  openQueue(cipher: LocalCipher): EventQueue
  /** Destroys the queue without its key; harmless where there is none. */
  destroyQueue(): Promise<void>
  /** Destroys what the platform keeps beside the store (caches, a push subscription). Never throws; harmless when repeated. */
  forget(): Promise<void>
}
