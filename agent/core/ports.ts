import type { Bytes } from '#lib/bytes.ts'
import type { ClientTls } from '#protocol/device/messages.ts'

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
  clock: Clock
  companion: Companion
  transport: Transport
  openQueue(cipher: LocalCipher): EventQueue
  /** Destroys the queue without its key; harmless where there is none. */
  destroyQueue(): Promise<void>
}
