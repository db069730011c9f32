import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file, mode 0600, that is on the disk whole or not at all, and never replaces one that is there: of several who make it at once
 * all then read the same. Its folder has to be there.
 */
export function writeOnce(file: string, content: string | Uint8Array): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFlushed(draft, content, 'wx')
  try {
    linkSync(draft, file)
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  flushFolder(file)
}

/** A file of the server's own, on the disk when this returns. `wx`: there must be none of the name. */
export function writeFlushed(file: string, content: string | Uint8Array, how: 'w' | 'wx'): void {
  const handle = openSync(file, how, 0o600)
  try {
    writeFileSync(handle, content)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** What was linked, renamed or removed beside `file` is on the disk. */
export function flushFolder(file: string): void {
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
