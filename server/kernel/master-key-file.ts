import 'server-only'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { decrypt, deriveKey, encrypt } from './cipher.ts'
import { type MasterKey, MasterKeyError } from './master-key.ts'
import { flushFolder, writeOnce } from './write-once.ts'

const KEY_BYTES = 32

/** A master key that lies in a file of 32 bytes. Older secrets of the instance derive from those bytes themselves. */
export type FileMasterKey = MasterKey & { readonly bytes: Buffer }

/** The key that a rotation is leading to stands beside the one in use until the last wrapped key has followed. */
export function nextFile(file: string): string {
  return `${file}.next`
}

/** The key in `file` (made on first use where `create`), and the one beside it while a rotation is under way. @throws MasterKeyError */
export function readFileKeys(file: string, { create }: { create: boolean }): FileMasterKey[] {
  if (create && !existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // Another process may be first: its key is the key.
    writeOnce(file, randomBytes(KEY_BYTES))
  }
  return [file, nextFile(file)].flatMap((path) => (existsSync(path) ? [fileMasterKey(path)] : []))
}

/** @throws MasterKeyError when the file cannot be read or holds something else */
export function fileMasterKey(path: string): FileMasterKey {
  const bytes = readKeyBytes(path)
  return {
    id: `file:${deriveKey(bytes, 'master-key-id').toString('hex').slice(0, 16)}`,
    where: path,
    bytes,
    wrap: async (plain, place) => encrypt(bytes, plain, place),
    unwrap: async (wrapped, place) => decrypt(bytes, wrapped, place),
    check: async () => {},
    newestVersion: async () => () => true,
  }
}

function readKeyBytes(path: string): Buffer {
  try {
    const bytes = readFileSync(path)
    if (bytes.length === KEY_BYTES) return bytes
    throw new MasterKeyError(`${path} must hold exactly ${KEY_BYTES} bytes, it holds ${bytes.length}`)
  } catch (error) {
    if (error instanceof MasterKeyError) throw error
    throw new MasterKeyError(`the master key ${path} cannot be read (${(error as { code?: string }).code ?? error})`)
  }
}

/** Puts a new key beside the one in use. If we die here it wraps nothing yet, and the next attempt takes it. @throws MasterKeyError */
export function prepareNextFile(file: string, bytes: Buffer = randomBytes(KEY_BYTES)): FileMasterKey {
  try {
    writeOnce(nextFile(file), bytes)
    return fileMasterKey(nextFile(file))
  } catch (error) {
    if (error instanceof MasterKeyError) throw error
    throw new MasterKeyError(`${nextFile(file)} cannot be written (${(error as { code?: string }).code ?? error})`)
  }
}

/** Removes a prepared key that wrapped nothing. */
export function discardNextFile(file: string): void {
  rmSync(nextFile(file), { force: true })
}

/** The new key takes the place of the old one, whose bytes are gone from the folder: after the last wrapped key has followed. */
export function promoteNextFile(file: string): void {
  if (existsSync(nextFile(file))) renameSync(nextFile(file), file)
  flushFolder(file)
}
