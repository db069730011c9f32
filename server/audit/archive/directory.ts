import 'server-only'
import { constants } from 'node:fs'
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '#server/kernel/errors.ts'
import { ColdFileProblem } from './problem.ts'
import type { ArchivedFile, ArchiveStore } from './store.ts'

/** Files below a directory of this machine. */
export function directoryStore(root: string): ArchiveStore {
  const local = async (file: ArchivedFile) => {
    const path = placeIn(root, file.name)
    await requireSize(path, file)
    return path
  }
  return {
    put: async (file, localPath) => {
      await requireSize(localPath, file)
      await moveFlushed(localPath, placeIn(root, file.name))
    },
    here: local,
    local,
    kept: local,
    remove: async (name) => {
      const path = placeIn(root, name)
      await rm(path, { force: true })
      await rm(partOf(path), { force: true })
      await syncDirectory(dirname(path)).catch(passOver('ENOENT'))
    },
  }
}

/** Where a name lies below a directory; names are ours, but they were read from a table. */
export function placeIn(root: string, name: string): string {
  if (!/^(?:[\w=-][\w=.-]*\/)*[\w=-][\w=.-]*$/.test(name))
    throw new TypeError(`not the name of a file of the archive: ${name}`)
  return join(root, name)
}

/** @throws AppError unavailable where it is missing or of another size */
async function requireSize(path: string, { name, bytes }: ArchivedFile): Promise<void> {
  const found = await stat(path).catch(passOver('ENOENT'))
  if (found?.size === bytes) return
  const problem = found ? `has ${found.size} bytes and not ${bytes}` : 'is missing'
  throw new AppError('unavailable', {
    detail: `The archive's file ${name} ${problem}.`,
    retryAfter: 60,
    cause: new ColdFileProblem('damaged'),
  })
}

/** Moves a file to its place so that after a crash it is there whole or not at all. */
export async function moveFlushed(from: string, to: string): Promise<void> {
  await makeDirectories(dirname(to))
  const isMoved = await syncAndRename(from, to).then(() => true, passOver('EXDEV'))
  // The archive may be a disk of its own.
  if (!isMoved) {
    try {
      await copyFile(from, partOf(to), constants.COPYFILE_FICLONE)
      await syncAndRename(partOf(to), to)
    } catch (error) {
      // A disk that became full, for one.
      await rm(partOf(to), { force: true })
      throw error
    }
    await rm(from)
  }
  await syncDirectory(dirname(to))
}

/** What is on its way from another disk; a crash may leave it. */
function partOf(path: string): string {
  return `${path}.part`
}

async function syncAndRename(from: string, to: string): Promise<void> {
  const handle = await open(from, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(from, to)
}

/** A new directory is there after a crash when the one above it was flushed. */
async function makeDirectories(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncDirectory(dirname(at))
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function passOver(code: string): (error: NodeJS.ErrnoException) => null {
  return (error) => {
    if (error.code === code) return null
    throw error
  }
}
