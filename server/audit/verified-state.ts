import 'server-only'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NoteError } from '#protocol/audit/note.ts'
import { decodeMemory, encodeMemory, type LogMemory } from '#protocol/audit/verify-memory.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { publishedFile } from './published.ts'

/** A larger log is verified without being remembered: it would take 4.1 bytes an entry in the console's memory. */
export const MOST_REMEMBERED = 10_000_000

/**
 * What was remembered when the log last held, out of the database's reach; null before the first time. A file that is not
 * whole counts as none: it only helps to name the entry, what was published is what tells.
 */
export function readVerifiedState(tenantId: string, epoch: number): LogMemory | null {
  const file = stateFile(tenantId, epoch)
  if (!existsSync(file)) return null
  try {
    return decodeMemory(readFileSync(file))
  } catch (error) {
    if (error instanceof NoteError) return null
    throw error
  }
}

/** Replaces it at once or not at all. */
export function writeVerifiedState(tenantId: string, epoch: number, memory: LogMemory): void {
  const file = stateFile(tenantId, epoch)
  mkdirSync(join(runtime().dataDir, 'checkpoints'), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}`
  try {
    writeFileSync(draft, encodeMemory(memory), { mode: 0o600, flush: true })
    renameSync(draft, file)
  } finally {
    rmSync(draft, { force: true })
  }
}

function stateFile(tenantId: string, epoch: number): string {
  return publishedFile(tenantId, epoch).replace(/\.log$/, '.verified')
}
