import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { archiveRoots, engineAll, literal } from '#server/audit/archive/engine/client.ts'
import { type RecordedFile, readRecordedFiles } from '#server/audit/archive/files.ts'
import { setArchiveRule } from '#server/audit/archive/rule.ts'
import { signHead } from '#server/audit/checkpoints.ts'
import { gapsOf } from '#server/audit/index/rebuild.ts'
import { readShape } from '#server/audit/index/runs.ts'
import { readTransaction } from '#server/kernel/db.ts'
import type { AuditDraft } from '#server/kernel/ledger.ts'
import { makePerson, makeTenant, readLog, type TestDatabase } from './harness.ts'
import { daysAgo, recordDrafts } from './past.ts'

/* Logs whose old days go into the archive, and what must be true of them after each run. */

/** Views 100, 99 and 40 days ago, ten each, two of today; days are archived after 60. */
export async function makeLog(db: TestDatabase, { rule = 60 as number | null } = {}) {
  const made = await daysAgo(100, async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
    const lena = await makePerson(tenantId, { name: 'Léna 王' })
    return { tenantId, owner, lena }
  })
  const { tenantId, owner, lena } = made
  const view = (n: number): AuditDraft => ({
    action: 'file.view',
    actor: { kind: 'person', id: lena.personId, name: lena.name },
    target: { type: 'file', id: uuidv7(), name: `Plan ${n}.pdf` },
    words: n === 3 ? 'secret "merger"\n合并\\u0041' : undefined,
    address: '203.0.113.7',
  })
  const views = (count: number) => Array.from({ length: count }, (_, n) => view(n))
  for (const days of [100, 99, 40]) await daysAgo(days, () => recordDrafts(tenantId, views(10)))
  await recordDrafts(tenantId, views(2))
  if (rule !== null) await setArchiveRule(owner, { days: rule })
  await signHead(tenantId)
  const indexes = async () => {
    const { rows } = await db.superuser.query<{ index: string }>(
      'SELECT e.index::text FROM audit_entry e WHERE tenant_id = $1 ORDER BY e.index',
      [tenantId],
    )
    return rows.map(({ index }) => Number(index))
  }
  const files = () => recordedFiles(tenantId)
  const archived = async () => (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'audit.archive')
  return { ...made, indexes, files, archived, before: await readLog(db, tenantId) }
}

export type Log = Awaited<ReturnType<typeof makeLog>>

/** What the database knows of an organisation's files. */
export function recordedFiles(tenantId: string): Promise<RecordedFile[]> {
  return readTransaction(tenantId, ({ sql }) => readRecordedFiles(sql, tenantId))
}

/** Where a file of the archive is. */
export function pathOf(name: string): string {
  return join(archiveRoots().files, name)
}

/** The names of the files that are there, sorted. */
export function storedNames(tenantId: string): string[] {
  const root = archiveRoots().files
  if (!existsSync(join(root, `tenant=${tenantId}`))) return []
  const entries = readdirSync(join(root, `tenant=${tenantId}`), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}

/** The archived entries, out of the files. */
export async function coldEntries(log: Log) {
  const files = (await log.files()).filter(({ state }) => state === 'cold')
  const paths = files.map(({ name }) => literal(pathOf(name)))
  if (files.length === 0) return []
  const rows = await engineAll(`SELECT index, entry, personal FROM read_parquet([${paths.join(', ')}]) ORDER BY index`)
  return rows.map(([index, entry, personal]) => ({
    index: Number(index),
    entry: JSON.parse(String(entry)),
    personal: JSON.parse(String(personal)),
  }))
}

/** Everything that must be true after each run: what was there is there once, in the files or in the tables, and nothing lies about. */
export async function expectSound(db: TestDatabase, log: Log): Promise<void> {
  const { tenantId, before } = log
  const [hot, archived] = [await readLog(db, tenantId), await coldEntries(log)]
  const all = [...archived, ...hot]
  expect(all.map(({ index }) => index)).toEqual(all.map((_, index) => index))
  expect(all.slice(0, before.length)).toEqual(before)
  const { rows } = await db.superuser.query<{ to: string }>(
    'SELECT cold_to::text AS to FROM audit_archive WHERE tenant_id = $1',
    [tenantId],
  )
  expect(Number(rows[0]?.to)).toBe(archived.length)
  const shape = await readTransaction(tenantId, ({ sql }) => readShape(sql, tenantId))
  if (!shape) throw new Error('no log')
  expect(shape.runs[0]?.at ?? 0).toBeGreaterThanOrEqual(archived.length)
  expect(gapsOf(shape.runs, shape.size, shape.coldTo)).toEqual([])
  expect(readdirSync(archiveRoots().work)).toEqual([])
  expect(storedNames(tenantId)).toEqual((await log.files()).map(({ name }) => name).sort())
}
