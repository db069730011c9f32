import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the checkout, whatever the working directory is. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** The data directory of this run, absolute; a relative one is relative to the working directory. */
export function dataDirOf(env = process.env) {
  return env.GATEHOUSE_DATA_DIR ? path.resolve(env.GATEHOUSE_DATA_DIR) : path.join(ROOT, '.gatehouse')
}

/** A file of the checkout's own state: locks and stamps of install, generate and build. */
export function stateFile(name) {
  const dir = path.join(ROOT, '.gatehouse-build')
  fs.mkdirSync(dir, { recursive: true })
  return path.join(dir, name)
}
