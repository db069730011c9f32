import 'server-only'
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import type { Sink } from './archive-writer.ts'
import { BackupError } from './format.ts'
import { ByteReader } from './tar.ts'

/** What an encrypted backup begins with; an archive begins with the name of its first member. */
const MAGIC = Buffer.from('gatehouse-encrypted-backup/1\n')
const SALT_BYTES = 16
const TAG_BYTES = 16
const FRAME_BYTES = 1_048_576
const LAST = 0x8000_0000
// 128 MiB and about half a second for each guess (RFC 7914).
const SCRYPT = { N: 131_072, r: 8, p: 1, maxmem: 192 * 1_048_576 }

/**
 * Encrypts on the way: frames of a megabyte, AES-256-GCM under a key that scrypt makes of the passphrase and a salt. The nonce counts
 * the frames and marks the last one, so that frames that were swapped, dropped or cut off do not open.
 */
export async function encryptTo(sink: Sink, passphrase: string): Promise<{ write: Sink; end: () => Promise<void> }> {
  const salt = randomBytes(SALT_BYTES)
  const key = await keyOf(passphrase, salt)
  let number = 0
  let waiting = Buffer.alloc(0)
  const frame = async (plain: Uint8Array, isLast: boolean) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number++, isLast), { authTagLength: TAG_BYTES })
    const body = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length + (isLast ? LAST : 0))
    await sink(Buffer.concat([length, body]))
  }
  await sink(Buffer.concat([MAGIC, salt]))
  return {
    write: async (bytes) => {
      waiting = Buffer.concat([waiting, bytes])
      for (; waiting.length > FRAME_BYTES; waiting = waiting.subarray(FRAME_BYTES))
        await frame(waiting.subarray(0, FRAME_BYTES), false)
    },
    end: () => frame(waiting, true),
  }
}

/** The archive in clear, whether or not it is encrypted. @throws BackupError */
export async function* decryptedFrom(source: AsyncIterable<Uint8Array>, passphrase?: string): AsyncGenerator<Buffer> {
  const bytes = new ByteReader(source)
  const first = await bytes.take(MAGIC.length)
  if (!first.equals(MAGIC)) {
    if (passphrase !== undefined) throw new BackupError('--passphrase-stdin: the backup is not encrypted')
    yield first
    for (let more = await bytes.take(FRAME_BYTES); more.length > 0; more = await bytes.take(FRAME_BYTES)) yield more
    return
  }
  if (passphrase === undefined) throw new BackupError('the backup is encrypted: --passphrase-stdin')
  const key = await keyOf(passphrase, await bytes.take(SALT_BYTES))
  for (let number = 0; ; number++) {
    const { plain, isLast } = await readFrame(bytes, key, number)
    yield plain
    if (isLast) return
  }
}

async function readFrame(bytes: ByteReader, key: Buffer, number: number): Promise<{ plain: Buffer; isLast: boolean }> {
  const head = await bytes.take(4)
  const length = head.length === 4 ? head.readUInt32BE() : 0
  const isLast = length >= LAST
  const sizeBytes = isLast ? length - LAST : length
  if (sizeBytes < TAG_BYTES) throw new BackupError(`the file ends early, in or after frame ${number}: it was cut off`)
  if (sizeBytes > FRAME_BYTES + TAG_BYTES) throw new BackupError(`frame ${number} of the encrypted backup is damaged`)
  const body = await bytes.take(sizeBytes)
  if (body.length < sizeBytes) throw new BackupError(`the file ends early, in or after frame ${number}: it was cut off`)
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, isLast), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return { plain: Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]), isLast }
  } catch {
    throw new BackupError(
      number === 0
        ? 'the passphrase is not the one of this backup, or the file is damaged at its beginning'
        : `frame ${number} of the encrypted backup is damaged`,
    )
  }
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(isLast ? 1 : 0, 0)
  nonce.writeBigUInt64BE(BigInt(number), 4)
  return nonce
}

function keyOf(passphrase: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(passphrase.normalize('NFC'), salt, 32, SCRYPT, (error, key) => (error ? reject(error) : resolve(key))),
  )
}
