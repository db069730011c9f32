import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { signCheckpoint } from '#protocol/audit/checkpoint.ts'
import { appendLeaves, emptyTree, rootOf } from '#protocol/audit/merkle.ts'
import { noteSigner } from '#protocol/audit/note.ts'
import { encodeTreeState } from '#protocol/audit/tree-state.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import type { TestDatabase } from './harness.ts'

/** Makes a log longer, in one append. */
export async function grow(tenantId: string, entries: number): Promise<void> {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: entries }, (_, place) => ({ action: 'key.rotate' as const, words: `number ${place}` })),
  }))
}

/** SQL, with its parameters from $2 on. */
type Statement = string | [string, ...unknown[]]

/** Runs statements as whoever owns the database could; $1 is the organisation. */
export async function tamper(
  { superuser }: TestDatabase,
  tenantId: string,
  ...statements: readonly Statement[]
): Promise<void> {
  const client = await superuser.connect()
  try {
    await client.query('SET session_replication_role = replica')
    for (const statement of statements) {
      const [text, ...values] = typeof statement === 'string' ? [statement] : statement
      const { rowCount } = await client.query(text, [tenantId, ...values])
      if (!text.startsWith('DELETE FROM audit_entry WHERE tenant_id = $1 AND index >= $2'))
        expect(rowCount, text).toBeGreaterThan(0)
    }
  } finally {
    client.release(true)
  }
}

/** What is stored of the tree that these leaves would make, and the head that the log's own, stolen key signs. */
export async function forgedTree({ dataDir }: TestDatabase, tenantId: string, leaves: readonly Uint8Array[]) {
  const { state, fullTiles } = appendLeaves(emptyTree(), leaves)
  const signer = await noteSigner(readFileSync(join(dataDir, 'keys', `log-${tenantId}.key`), 'utf8').trim())
  const head = { origin: signer.name, size: leaves.length, root: rootOf(state) }
  const tiles: Statement[] = [
    'DELETE FROM audit_tile WHERE tenant_id = $1',
    ...fullTiles.map(
      ({ level, index, bytes }): Statement => [
        'INSERT INTO audit_tile (tenant_id, level, number, hashes) VALUES ($1, $2, $3, $4)',
        level,
        index,
        bytes,
      ],
    ),
    ['UPDATE audit_head SET size = $2, tree = $3 WHERE tenant_id = $1', head.size, Buffer.from(encodeTreeState(state))],
  ]
  return { tiles, root: head.root, note: await signCheckpoint(head, signer) }
}

export const ALTER = (index: number) =>
  `UPDATE audit_entry SET entry = replace(entry, '"allowed"', '"denied"') WHERE tenant_id = $1 AND index = ${index}`
const MOVE = (from: string, by: number) => [
  `UPDATE audit_entry SET index = index + 100000 WHERE tenant_id = $1 AND index ${from} AND index < 100000`,
  `UPDATE audit_entry SET index = index - 100000 + (${by}) WHERE tenant_id = $1 AND index >= 100000`,
]
const COPY = (from: number, to: number) =>
  `INSERT INTO audit_entry SELECT (jsonb_populate_record(e, jsonb_build_object('index', ${to}))).* FROM audit_entry e WHERE tenant_id = $1 AND index = ${from}`
const SWAP = (a: number, b: number) => [
  `UPDATE audit_entry SET index = 100000 + ${a + b} - index WHERE tenant_id = $1 AND index IN (${a}, ${b})`,
  'UPDATE audit_entry SET index = index - 100000 WHERE tenant_id = $1 AND index >= 100000',
]

/** Of a log of 600 entries, and what verification must say. */
export const ATTACKS: [name: string, found: { code: string; index: number; until?: number }, statements: string[]][] = [
  ['an altered entry', { code: 'entry_altered', index: 300 }, [ALTER(300)]],
  ['an altered entry of the last tile', { code: 'entry_altered', index: 590 }, [ALTER(590)]],
  [
    'bytes that are no entry',
    { code: 'entry_altered', index: 42 },
    ["UPDATE audit_entry SET entry = 'gone' WHERE tenant_id = $1 AND index = 42"],
  ],
  [
    'altered personal values',
    { code: 'personal_mismatch', index: 301 },
    ["UPDATE audit_entry SET personal = replace(personal, 'number', 'nothing') WHERE tenant_id = $1 AND index = 301"],
  ],
  [
    'a removed entry',
    { code: 'entry_removed', index: 123 },
    ['DELETE FROM audit_entry WHERE tenant_id = $1 AND index = 123'],
  ],
  [
    'a removed entry, the rest moved up',
    { code: 'entry_removed', index: 123 },
    ['DELETE FROM audit_entry WHERE tenant_id = $1 AND index = 123', ...MOVE('> 123', -1)],
  ],
  ['an added entry, the rest moved down', { code: 'entry_added', index: 123 }, [...MOVE('>= 123', 1), COPY(5, 123)]],
  ['an entry more at the end', { code: 'entry_added', index: 600 }, [COPY(5, 600)]],
  ['two entries exchanged', { code: 'entries_reordered', index: 400, until: 401 }, SWAP(400, 401)],
  ['two entries exchanged far apart', { code: 'entries_reordered', index: 10, until: 500 }, SWAP(10, 500)],
  [
    'the newest fifty removed',
    { code: 'tail_cut', index: 550, until: 599 },
    ['DELETE FROM audit_entry WHERE tenant_id = $1 AND index >= 550'],
  ],
  [
    'a tile that is altered, the entries are not',
    { code: 'tile_altered', index: 256 },
    [
      'UPDATE audit_tile SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) WHERE tenant_id = $1 AND level = 0 AND number = 1',
    ],
  ],
  [
    'a tile that is removed',
    { code: 'tile_altered', index: 256 },
    ['DELETE FROM audit_tile WHERE tenant_id = $1 AND level = 0 AND number = 1'],
  ],
]

const TABLES = ['entry', 'tile', 'head', 'checkpoint', 'run', 'posting', 'block'].map((name) => `audit_${name}`)

/** Keeps a log as it is, as a backup would; gives back what brings that state back. */
export async function keepLog({ superuser }: TestDatabase, tenantId: string): Promise<() => Promise<void>> {
  for (const table of TABLES) {
    await superuser.query(`DROP TABLE IF EXISTS kept_${table}`)
    await superuser.query(`CREATE TABLE kept_${table} AS SELECT * FROM ${table} WHERE tenant_id = '${tenantId}'`)
  }
  return async () => {
    const client = await superuser.connect()
    try {
      await client.query('SET session_replication_role = replica')
      for (const table of TABLES) {
        await client.query(`DELETE FROM ${table} WHERE tenant_id = '${tenantId}'`)
        await client.query(`INSERT INTO ${table} SELECT * FROM kept_${table}`)
      }
    } finally {
      client.release(true)
    }
  }
}
