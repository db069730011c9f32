import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/** Replaces a file in one step: a crash leaves the old bytes or the new ones, never half of them. */
export function writeFileAtomic(file, data, mode = 0o644) {
  const next = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  const handle = fs.openSync(next, 'wx', mode)
  try {
    fs.writeFileSync(handle, data)
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
  fs.renameSync(next, file)
}

/** The text of a file, or undefined where there is none. */
export function readIfExists(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Creates the data directory: others may pass through to the database's own folder but not list it. */
export function ensureDataDir(dataDir) {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  for (const sub of ['keys', 'runtime', 'checkpoints']) {
    fs.mkdirSync(path.join(dataDir, sub), { recursive: true, mode: sub === 'keys' ? 0o700 : 0o755 })
  }
}

/**
 * Merges values into `secrets.json` (mode 0600) and returns all of it.
 * Callers hold the data directory's lock or are its only writer.
 */
export function mergeSecrets(dataDir, values) {
  const file = path.join(dataDir, 'secrets.json')
  const merged = { ...readSecrets(dataDir), ...values }
  writeFileAtomic(file, `${JSON.stringify(merged, null, 2)}\n`, 0o600)
  return merged
}

export function readSecrets(dataDir) {
  return JSON.parse(readIfExists(path.join(dataDir, 'secrets.json')) ?? '{}')
}
