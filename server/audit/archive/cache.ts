import 'server-only'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, rmdir, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { now } from '#server/kernel/clock.ts'
import { moveFlushed, placeIn } from './directory.ts'
import type { ArchivedFile } from './store.ts'

/** Copies on this machine of files that are kept elsewhere. */
export type FileCache = {
  /** The copy, if there is one. */
  find(file: ArchivedFile): Promise<string | null>
  /** The copy; where there is none `fetch` writes it to the path it is given, checked. */
  local(file: ArchivedFile, fetch: (path: string) => Promise<void>): Promise<string>
  /** Makes a file of this machine the copy. */
  take(file: ArchivedFile, path: string): Promise<void>
  drop(name: string): Promise<void>
}

/** A search may be about to read what it was just given. */
const IN_USE_MS = 10 * 60_000
/** A fetch that did not end within this never will. */
const ABANDONED_MS = 6 * 3_600_000
const PART = '.part'

/** Of all processes of this machine. Beyond `limitBytes` what was used least recently goes, unless it is in use. */
export function fileCache(root: string, limitBytes: number): FileCache {
  const fetching = new Map<string, Promise<string>>()
  const add = async (path: string, fetch: (path: string) => Promise<void>) => {
    const part = `${path}.${randomUUID()}${PART}`
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    try {
      await fetch(part)
      await moveFlushed(part, path)
    } finally {
      await rm(part, { force: true })
    }
    await shrink(root, limitBytes, path)
    return path
  }
  const find = async (file: ArchivedFile) => {
    const path = placeIn(root, file.name)
    return (await isThere(path, file)) ? path : null
  }
  return {
    find,
    local: async (file, fetch) => {
      const path = placeIn(root, file.name)
      if (await find(file)) return path
      const running = fetching.get(path) ?? add(path, fetch).finally(() => fetching.delete(path))
      fetching.set(path, running)
      return running
    },
    take: async (file, from) => {
      const path = placeIn(root, file.name)
      await moveFlushed(from, path)
      await touch(path)
      await shrink(root, limitBytes, path)
    },
    drop: async (name) => {
      await rm(placeIn(root, name), { force: true })
    },
  }
}

/** Whether there is a whole copy; it counts as used now. */
async function isThere(path: string, { bytes }: ArchivedFile): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  if (found?.size !== bytes) return false
  // Somebody else may just have removed it.
  return touch(path).then(
    () => true,
    () => false,
  )
}

async function touch(path: string): Promise<void> {
  await utimes(path, now(), now())
}

type Copy = { path: string; bytes: number; usedAt: number }

async function shrink(root: string, limitBytes: number, keep: string): Promise<void> {
  const copies = await list(root)
  let total = copies.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { path, bytes, usedAt } of copies.sort((a, b) => a.usedAt - b.usedAt)) {
    const age = now().getTime() - usedAt
    const isAbandoned = path.endsWith(PART) && age > ABANDONED_MS
    const isSpare = total > limitBytes && path !== keep && age > IN_USE_MS && !path.endsWith(PART)
    if (!isAbandoned && !isSpare) continue
    await rm(path, { force: true })
    // Days of which nothing is left; the others stay.
    await rmdir(dirname(path)).catch(() => {})
    total -= bytes
  }
}

async function list(root: string): Promise<Copy[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const copies: Copy[] = []
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const found = await stat(path).catch(() => null)
    if (found) copies.push({ path, bytes: found.size, usedAt: found.mtimeMs })
  }
  return copies
}
