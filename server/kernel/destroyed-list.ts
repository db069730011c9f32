import 'server-only'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isUuid } from '#lib/uuid.ts'
import { runtime } from './runtime.ts'

/** Whose keys were destroyed: enrolments with the server's half of their vault key, or files. */
export type DestroyedKind = 'shares' | 'files'

const PREFIX: Record<DestroyedKind, string> = { shares: 'destroyed-', files: 'destroyed-files-' }

function folder(): string {
  return join(runtime().dataDir, 'checkpoints')
}

function listFile(kind: DestroyedKind, tenantId: string): string {
  if (!isUuid(tenantId)) throw new TypeError('not the id of an organisation')
  return join(folder(), `${PREFIX[kind]}${tenantId}`)
}

/** The ids on the list of an organisation. */
export function readDestroyed(kind: DestroyedKind, tenantId: string): string[] {
  const file = listFile(kind, tenantId)
  // A line that a crash cut short is no id and is written again by the repeated job.
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(isUuid) : []
}

/**
 * Writes down, outside the database, whose keys were destroyed, so that a restored backup cannot bring them back. Flushed
 * to the disk before it returns; harmless to repeat.
 */
export function recordDestroyed(kind: DestroyedKind, tenantId: string, ids: readonly string[]): void {
  const known = new Set(readDestroyed(kind, tenantId))
  const fresh = ids.filter((id) => !known.has(id))
  if (fresh.length === 0) return
  mkdirSync(folder(), { recursive: true, mode: 0o700 })
  const file = openSync(listFile(kind, tenantId), 'a', 0o600)
  try {
    // All of it or an error: on a disk that is nearly full one write takes a part and says nothing.
    writeFileSync(file, `\n${fresh.join('\n')}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The organisations that have such a list. */
export function tenantsWithDestroyed(kind: DestroyedKind): string[] {
  if (!existsSync(folder())) return []
  const prefix = PREFIX[kind]
  return readdirSync(folder()).flatMap((name) => {
    const tenantId = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    return isUuid(tenantId) ? [tenantId] : []
  })
}
