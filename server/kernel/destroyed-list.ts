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
import { parseRfc3339 } from '#lib/time.ts'
import { isUuid } from '#lib/uuid.ts'
import { runtime } from './runtime.ts'

/** Whose keys were destroyed: enrolments with the server's half of their vault key, or files. */
export type DestroyedKind = 'shares' | 'files'
/** Also: whose personal values were erased in the log. */
type ListKind = DestroyedKind | 'erasures'

const PREFIX: Record<ListKind, string> = {
  shares: 'destroyed-',
  files: 'destroyed-files-',
  erasures: 'destroyed-erasures-',
}

function folder(): string {
  return join(runtime().dataDir, 'checkpoints')
}

function listFile(kind: ListKind, tenantId: string): string {
  if (!isUuid(tenantId)) throw new TypeError('not the id of an organisation')
  return join(folder(), `${PREFIX[kind]}${tenantId}`)
}

/** The ids on the list of an organisation. */
export function readDestroyed(kind: DestroyedKind, tenantId: string): string[] {
  // A line that a crash cut short is no id and is written again by the repeated job.
  return linesOf(kind, tenantId).filter(isUuid)
}

function linesOf(kind: ListKind, tenantId: string): string[] {
  const file = listFile(kind, tenantId)
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}

/**
 * Writes down, outside the database, whose keys were destroyed, so that a restored backup cannot bring them back. Flushed
 * to the disk before it returns; harmless to repeat.
 */
export function recordDestroyed(kind: DestroyedKind, tenantId: string, ids: readonly string[]): void {
  append(kind, tenantId, ids)
}

/** An erasure in the log: of whose values, and of what was recorded until then. */
export type ListedErasure = { id: string; personId: string; until: Date }

/** The erasures on the list of an organisation. */
export function readErasures(tenantId: string): ListedErasure[] {
  return linesOf('erasures', tenantId).flatMap((line) => {
    const [id = '', personId = '', time = ''] = line.split(' ')
    const until = parseRfc3339(time)
    return isUuid(id) && isUuid(personId) && until ? [{ id, personId, until }] : []
  })
}

/** The same as `recordDestroyed`, of an erasure, before anything of it is erased. */
export function recordErasure(tenantId: string, { id, personId, until }: ListedErasure): void {
  append('erasures', tenantId, [`${id} ${personId} ${until.toISOString()}`])
}

function append(kind: ListKind, tenantId: string, lines: readonly string[]): void {
  const known = new Set(linesOf(kind, tenantId))
  const fresh = lines.filter((line) => !known.has(line))
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
export function tenantsWithDestroyed(kind: ListKind): string[] {
  if (!existsSync(folder())) return []
  const prefix = PREFIX[kind]
  return readdirSync(folder()).flatMap((name) => {
    const tenantId = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    return isUuid(tenantId) ? [tenantId] : []
  })
}
