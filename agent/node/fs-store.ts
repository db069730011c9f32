import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Store } from '#agent/core/ports.ts'
import type { Bytes } from '#lib/bytes.ts'
import { createDirectoryLock } from './directory-lock.ts'

const TEMPORARY = /\.tmp-[0-9a-f]{12}$/
const ZEROS = new Uint8Array(64 * 1024)

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** A rename or an unlink is durable only when its folder is. Windows cannot open folders and needs no such thing. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  if (!folder) return
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Overwriting says little on flash or copy-on-write disks; that the key is destroyed is what counts. */
async function overwrite(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    for (let at = 0; at < size; at += ZEROS.length) {
      await file.write(ZEROS, 0, Math.min(ZEROS.length, size - at), at)
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

async function shredPath(path: string): Promise<void> {
  try {
    await overwrite(path)
    await unlink(path)
  } catch (error) {
    // Somebody else may have removed it in between; what matters is that it is gone.
    if (!isMissing(error)) throw error
  }
}

async function entriesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Creates the directory for the owner alone, or tightens the one that is there. */
export async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
}

/** A store of files below `directory`, 0600 each, folders 0700. */
export function createFsStore(directory: string): Store {
  const pathOf = (name: string) => join(directory, name)
  const lock = createDirectoryLock(directory)

  async function list(folder: string): Promise<{ name: string; sizeBytes: number }[]> {
    const found: { name: string; sizeBytes: number }[] = []
    for (const entry of (await entriesOf(pathOf(folder))).sort()) {
      if (TEMPORARY.test(entry)) continue
      const name = `${folder}/${entry}`
      const size = await stat(pathOf(name)).then(
        (info) => info.size,
        (error: unknown) => {
          if (isMissing(error)) return null
          throw error
        },
      )
      if (size !== null) found.push({ name, sizeBytes: size })
    }
    return found
  }

  return {
    async read(name): Promise<Bytes | null> {
      try {
        return new Uint8Array(await readFile(pathOf(name)))
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    },
    async write(name, bytes) {
      const path = pathOf(name)
      const folder = dirname(path)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const temporary = `${path}.tmp-${randomBytes(6).toString('hex')}`
      // Died before the rename: the old content stands, and the leftover is swept with its folder.
      await writeDurably(temporary, bytes)
      await rename(temporary, path)
      await syncFolder(folder)
    },
    async remove(name) {
      await rm(pathOf(name), { force: true })
      await syncFolder(dirname(pathOf(name)))
    },
    async shred(name) {
      await shredPath(pathOf(name))
      await syncFolder(dirname(pathOf(name)))
    },
    list,
    async shredFolder(folder) {
      const path = pathOf(folder)
      for (const entry of await entriesOf(path)) await shredPath(join(path, entry))
      await rm(path, { recursive: true, force: true })
      await syncFolder(directory)
    },
    exclusive: lock.exclusive,
  }
}
