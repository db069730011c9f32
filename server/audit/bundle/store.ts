import 'server-only'
import { createHash, type Hash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { decrypt, encryptedPieces } from '#server/kernel/keys.ts'

/** A file that is written: what a manifest and a ZIP directory say about it. */
export type StoredFile = { file: string; sizeBytes: number; sha256: string; crc32: number }

/** Files of one bundle on the disk, encrypted, before and after it is sealed. */
export type BundleStore = {
  /** Begins a file, or begins it again. */
  create(file: string): Promise<StoreWriter>
  /** The plain bytes from `from` to `to`. Throws where a single bit differs from what was written. */
  read(stored: Pick<StoredFile, 'file' | 'sizeBytes'>, from?: number, to?: number): AsyncGenerator<Uint8Array>
  /** Removes all of them. */
  remove(): void
}

export type StoreWriter = {
  write(bytes: Uint8Array): Promise<void>
  /** Returns when it is on the disk. */
  finish(): Promise<StoredFile>
  /** Closes it without an end; what is there is of no use. */
  abandon(): Promise<void>
}

const CHUNK_BYTES = 1_048_576
/** Version, nonce and tag of a sealed value. */
const OVERHEAD_BYTES = 1 + 12 + 16

/** Chunks of a mebibyte, each sealed for its file, its number and whether it is the last one. `place` names the bundle. */
export function sealedStore(folder: string, key: Uint8Array, place: readonly string[]): BundleStore {
  const chunkPlace = (file: string, number: number, isLast: boolean) => [
    ...place,
    file,
    String(number),
    isLast ? 'last' : 'more',
  ]
  return {
    create: async (file) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const handle = await open(join(folder, file), 'w', 0o600)
      return new ChunkWriter(handle, file, (plain, number, isLast) =>
        encryptedPieces(key, plain, chunkPlace(file, number, isLast)),
      )
    },
    read: async function* ({ file, sizeBytes }, from = 0, to = sizeBytes) {
      const end = Math.min(to, sizeBytes)
      if (from >= end) return
      const last = Math.max(0, Math.ceil(sizeBytes / CHUNK_BYTES) - 1)
      const handle = await open(join(folder, file), 'r')
      try {
        for (let number = Math.floor(from / CHUNK_BYTES); number * CHUNK_BYTES < end; number++) {
          const start = number * CHUNK_BYTES
          const length = Math.min(CHUNK_BYTES, sizeBytes - start) + OVERHEAD_BYTES
          const sealed = Buffer.alloc(length)
          await handle.read(sealed, 0, length, number * (CHUNK_BYTES + OVERHEAD_BYTES))
          const plain = decrypt(key, sealed, chunkPlace(file, number, number === last))
          yield plain.subarray(Math.max(0, from - start), Math.min(plain.length, end - start))
        }
      } finally {
        await handle.close()
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

type SealChunk = (plain: Uint8Array, number: number, isLast: boolean) => Uint8Array[]

class ChunkWriter implements StoreWriter {
  readonly #handle: FileHandle
  readonly #file: string
  readonly #seal: SealChunk
  readonly #hash: Hash = createHash('sha256')
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  #filled = 0
  #number = 0
  #crc32 = 0
  #sizeBytes = 0
  /** The chunk before is written while the next one is made. */
  #writing: Promise<void> = Promise.resolve()

  constructor(handle: FileHandle, file: string, seal: SealChunk) {
    this.#handle = handle
    this.#file = file
    this.#seal = seal
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes)
    this.#crc32 = crc32(bytes, this.#crc32)
    this.#sizeBytes += bytes.length
    for (let at = 0; at < bytes.length; ) {
      // A full chunk is held until more comes: only then is it known not to be the last.
      if (this.#filled === CHUNK_BYTES) await this.#flush(false)
      const piece = bytes.subarray(at, at + CHUNK_BYTES - this.#filled)
      this.#chunk.set(piece, this.#filled)
      this.#filled += piece.length
      at += piece.length
    }
  }

  async finish(): Promise<StoredFile> {
    await this.#flush(true)
    await this.#writing
    await this.#handle.sync()
    await this.#handle.close()
    const sha256 = this.#hash.digest('base64')
    return { file: this.#file, sizeBytes: this.#sizeBytes, sha256, crc32: this.#crc32 }
  }

  async abandon(): Promise<void> {
    await this.#writing.catch(() => {})
    await this.#handle.close()
  }

  async #flush(isLast: boolean): Promise<void> {
    const sealed = this.#seal(this.#chunk.subarray(0, this.#filled), this.#number, isLast)
    this.#number += 1
    this.#filled = 0
    await this.#writing
    this.#writing = this.#writeAll(sealed)
    // Whoever writes next, or ends it, hears of it; until then it is nobody's.
    this.#writing.catch(() => {})
  }

  async #writeAll(pieces: readonly Uint8Array[]): Promise<void> {
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
    const { bytesWritten } = await this.#handle.writev(pieces)
    for (const piece of pieces) giveBack(piece)
    // A disk that becomes full takes what it can.
    if (bytesWritten !== bytes)
      throw Object.assign(new Error(`${this.#file}: ${bytesWritten} of ${bytes} bytes were written`), {
        code: 'ENOSPC',
        syscall: 'writev',
      })
  }
}

/** Frees what was written, now: memory outside the heap makes the collector hurry, which costs more than the encryption. */
function giveBack({ buffer, byteLength }: Uint8Array): void {
  // Small ones share their room with others.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0) buffer.transfer(0)
}
