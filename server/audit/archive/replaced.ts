import 'server-only'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { type WrittenFile, writtenFile } from './draft.ts'
import type { RecordedFile } from './files.ts'
import { underWay } from './work.ts'

/*
 * Which files of the archive took the place of which, beside the lists of destroyed keys and like them outside the database: a restored
 * backup names files that are gone by then, and what went from them must not come back.
 */

/** A file of the archive and the one that takes its place; null: nothing is left of it. */
export type Replaced = { old: Pick<RecordedFile, 'name' | 'sha256'>; file: WrittenFile | null }

const line = z.union([
  z.object({
    old: z.object({ name: z.string(), sha256: z.string() }),
    file: writtenFile.nullable(),
    purgeId: z.string().nullable(),
  }),
  // A row of audit_purge, with its certificate.
  z.object({ purge: z.looseObject({ id: z.string() }) }),
])
type Line = z.output<typeof line>
export type ReplacedLine = Extract<Line, { old: object }>
export type PurgeJson = Extract<Line, { purge: object }>['purge']

/** As `audit_replace_files` in the migration takes it. */
export function replacedRow({ old, file }: { old: { name: string }; file: WrittenFile | null }) {
  if (!file) return { old: old.name, entries: 0, personal: 0 }
  return {
    old: old.name,
    name: file.name,
    revision: file.revision,
    entries: file.entries,
    personal: file.personal,
    bytes: file.bytes,
    sha256: file.sha256,
    recorded_from: new Date(file.recordedFrom).toISOString(),
    recorded_to: new Date(file.recordedTo).toISOString(),
    occurred_from: file.occurredFrom,
    occurred_to: file.occurredTo,
  }
}

/** What is about to be replaced. If we die before it is, `settleReplaced` finds that it was not. */
export async function announceReplaced(
  tenantId: string,
  replaced: readonly Replaced[],
  purgeId: string | null,
): Promise<void> {
  const lines = replaced.map(({ old: { name, sha256 }, file }) => ({ old: { name, sha256 }, file, purgeId }))
  await append(underWay(tenantId), lines)
}

/** Writes down what was replaced of what was announced: the files that are no longer recorded. Before they are removed. */
export async function settleReplaced(tenantId: string, isRecorded: (name: string) => boolean): Promise<void> {
  const announced = readLines(underWay(tenantId)).flatMap((entry) => ('old' in entry ? [entry] : []))
  const done = announced.filter(({ old }) => !isRecorded(old.name))
  const purgeIds = [...new Set(done.flatMap(({ purgeId }) => (purgeId === null ? [] : [purgeId])))]
  const purges = await readPurges(tenantId, purgeIds)
  // If we die between the two, the same lines stand there twice.
  await append(listOf(tenantId), [...purges.map((purge) => ({ purge })), ...done])
  rmSync(underWay(tenantId), { force: true })
}

function readPurges(tenantId: string, ids: readonly string[]): Promise<PurgeJson[]> {
  if (ids.length === 0) return Promise.resolve([])
  return readTransaction(tenantId, async ({ sql }) => {
    const rows = await sql<{ purge: PurgeJson }>(
      'SELECT to_jsonb(p) AS purge FROM audit_purge p WHERE p.tenant_id = $1::uuid AND p.id = ANY($2::text::uuid[]) AND p.certificate IS NOT NULL',
      [tenantId, `{${ids.join(',')}}`],
    )
    return rows.map(({ purge }) => purge)
  })
}

/** What took the place of each file, the latest where there were several, and the purges they were replaced for. */
export function readReplaced(tenantId: string): { byOld: Map<string, ReplacedLine>; purges: Map<string, PurgeJson> } {
  const byOld = new Map<string, ReplacedLine>()
  const purges = new Map<string, PurgeJson>()
  for (const entry of readLines(listOf(tenantId))) {
    if ('old' in entry) byOld.set(entry.old.name, entry)
    else purges.set(entry.purge.id, entry.purge)
  }
  return { byOld, purges }
}

const PREFIX = 'archive-'

/** The organisations that have such a list. */
export function tenantsWithReplaced(): string[] {
  if (!existsSync(folder())) return []
  return readdirSync(folder()).flatMap((name) => {
    const tenantId = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
    return isUuid(tenantId) ? [tenantId] : []
  })
}

function folder(): string {
  return join(runtime().dataDir, 'checkpoints')
}

function listOf(tenantId: string): string {
  mkdirSync(folder(), { recursive: true, mode: 0o700 })
  return join(folder(), `${PREFIX}${tenantId}`)
}

async function append(path: string, lines: readonly object[]): Promise<void> {
  if (lines.length === 0) return
  const handle = await open(path, 'a', 0o600)
  try {
    // On lines of their own, whatever a crash left of the one before.
    await handle.writeFile(`\n${lines.map((entry) => JSON.stringify(entry)).join('\n')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A line that a crash cut off is none: what it was to say is said again. */
function readLines(path: string): Line[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text) => {
      const parsed = line.safeParse(jsonOf(text))
      return parsed.success ? [parsed.data] : []
    })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
