import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the checkout, whatever the working directory is. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** The data directory of this run, absolute. */
export function dataDirOf(env = process.env) {
  return path.resolve(ROOT, env.GATEHOUSE_DATA_DIR || '.gatehouse')
}
