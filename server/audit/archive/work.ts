import 'server-only'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { archiveRoots } from './engine/client.ts'
import { archiveStore, isOwnName } from './store.ts'

/*
 * What is under way: drafts of files, and for each organisation a list of the names that may lie in the store without being recorded
 * anywhere. Whoever works for an organisation holds its lock; what a crash left is found by its name.
 */

/** A draft of the organisation's; it is there until `clearDrafts`. */
export function draftPath(tenantId: string, ending: 'ndjson' | 'parquet'): string {
  return workPath(`${tenantId}.${ending}`)
}

/** Where something lies that is under way; the folder is there. */
function workPath(name: string): string {
  const { work } = archiveRoots()
  mkdirSync(work, { recursive: true, mode: 0o700 })
  return join(work, name)
}

/** Drafts of this run, or of one that died. */
export function clearDrafts(tenantId: string): void {
  const { work } = archiveRoots()
  if (!existsSync(work)) return
  for (const name of readdirSync(work))
    if (name.startsWith(`${tenantId}.`) && name !== listName(tenantId) && name !== `${tenantId}${UNDER_WAY}`)
      rmSync(join(work, name), { force: true })
}

const UNDER_WAY = '.replacing'

/** Where the files are listed that are about to be replaced; no draft. */
export function underWay(tenantId: string): string {
  return workPath(`${tenantId}${UNDER_WAY}`)
}

/** Before a file is put into the store, and before its row goes: if we die, the next run knows where to look. */
export async function noteName(tenantId: string, name: string): Promise<void> {
  const handle = await open(listPath(tenantId), 'a', 0o600)
  try {
    await handle.writeFile(`${name}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes every noted file that is not recorded. If we die within, the next run does the same again. */
export async function sweepNoted(tenantId: string, isRecorded: (name: string) => boolean): Promise<void> {
  const list = listPath(tenantId)
  if (!existsSync(list)) return
  // A last line that a crash cut off belongs to a file that was never put.
  const names = readFileSync(list, 'utf8').split('\n').slice(0, -1)
  const store = archiveStore(tenantId)
  // A name that somebody made up in the table may have been noted as well.
  const own = names.filter((name) => isOwnName(tenantId, name))
  for (const name of new Set(own)) if (!isRecorded(name)) await store.remove(name)
  rmSync(list, { force: true })
}

function listPath(tenantId: string): string {
  return workPath(listName(tenantId))
}

function listName(tenantId: string): string {
  return `${tenantId}.names`
}
