import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test, vi } from 'vitest'
import { buildEntry } from '#protocol/audit/entry.ts'
import type { QueryNode } from '#protocol/audit/query.ts'
import { matchesQuery } from '#protocol/audit/query-match.ts'
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { drafts } from '#protocol/audit/testing-arbitraries.ts'
import { queries } from '#protocol/audit/testing-queries.ts'
import { conditionOf } from './condition.ts'
import { archiveRoots, endEngine, engineAll, literal } from './engine/client.ts'
import { COLD_COLUMNS, coldRow } from './row.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-condition-'))
vi.mock('#server/kernel/runtime.ts', () => ({ runtime: () => ({ dataDir }) }))

afterAll(() => {
  endEngine()
  rmSync(dataDir, { recursive: true })
})

const ENTRIES = 300

test('the columns decide every question as the entries themselves do', async () => {
  const built = fc.sample(drafts, { numRuns: ENTRIES, seed: 4711 }).map((draft) => buildEntry(draft))
  await engineAll('SELECT 1')
  const lines = join(archiveRoots().work, 'rows.ndjson')
  const rows = built.map(({ entry, text, personalText }, index) =>
    coldRow({ index, recordedAt: new Date(entry.recordedAt), text, personal: personalText }, 'activity'),
  )
  writeFileSync(lines, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const columns = Object.entries(COLD_COLUMNS).map(([name, type]) => `${name}: '${type}'`)
  const file = join(archiveRoots().files, 'rows.parquet')
  await engineAll(
    `COPY (SELECT * FROM read_json(${literal(lines)}, format = 'newline_delimited', columns = {${columns.join(', ')}})) TO ${literal(file)} (FORMAT parquet)`,
  )
  const agrees = async (query: QueryNode) => {
    const { sql, values } = conditionOf(query)
    const found = await engineAll(
      `SELECT index FROM read_parquet(${literal(file)}) WHERE ${sql} ORDER BY index`,
      values,
    )
    const matching = built.flatMap(({ entry, personal }, index) =>
      matchesQuery(query, entry, personal) ? [index] : [],
    )
    expect(found.map(([index]) => index)).toEqual(matching)
    return matching.length
  }
  const asked = [
    ...built
      .slice(0, 3)
      .flatMap(({ entry }) => [
        `${entry.id}`,
        ...(entry.correlationId ? [`${entry.correlationId}`] : []),
        ...(entry.target ? [`target:"${entry.target.id.replaceAll(/["\\]/g, '\\$&')}"`] : []),
      ]),
    'actor:person',
    'source:app:*',
    'action:file.* -outcome:denied',
  ]
  for (const q of asked) expect(await agrees(parseQuery(q)), q).toBeGreaterThan(0)
  await fc.assert(
    fc.asyncProperty(queries, async (query) => void (await agrees(query))),
    { numRuns: 150 },
  )
})
