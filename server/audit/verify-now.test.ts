import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { utf8Encode } from '#lib/bytes.ts'
import { leafHash } from '#protocol/audit/merkle.ts'
import { ALTER, ATTACKS, forgedTree, grow, keepLog, tamper } from '#test/attacks.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { signHead } from './checkpoints.ts'
import { mergeIndex } from './index/merge.ts'
import { testingOnlyForgetSigners } from './log-key.ts'
import { verifyStoredLog } from './verify-now.ts'

const db = useDatabase()

beforeEach(() => testingOnlyForgetSigners())

/** A log of 600 entries, signed at 280, 320 and 600. */
async function makeSigned(): Promise<string> {
  const tenantId = await makeTenant()
  for (const more of [279, 40, 280]) {
    await grow(tenantId, more)
    await signHead(tenantId)
  }
  return tenantId
}

describe('a superuser is named by the index', () => {
  it.each(ATTACKS)('%s', async (_, found, statements) => {
    const tenantId = await makeSigned()
    await tamper(db, tenantId, ...statements)
    const { verdict } = await verifyStoredLog(tenantId)
    expect(verdict).toMatchObject({ ok: false, ...found })
    expect(verdict.ok || verdict.problems).toHaveLength(1)
  })

  it('an entry that was not signed yet, too', async () => {
    const tenantId = await makeSigned()
    await grow(tenantId, 5)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true, checkpoint: { size: 600 } })
    await tamper(db, tenantId, ALTER(603))
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ code: 'entry_altered', index: 603 })
  })
})

type Texts = readonly string[]

/** Everything made again over other entries: entries, tiles of all levels, the head, and with the stolen key a checkpoint. */
async function forge(
  tenantId: string,
  change: (texts: Texts) => Texts,
  { resign }: { resign: boolean },
): Promise<void> {
  const { rows } = await db.superuser.query<{ entry: string }>(
    'SELECT entry FROM audit_entry WHERE tenant_id = $1 ORDER BY index',
    [tenantId],
  )
  const texts = change(rows.map(({ entry }) => entry))
  const { tiles, root, note } = await forgedTree(
    db,
    tenantId,
    texts.map((text) => leafHash(utf8Encode(text))),
  )
  await tamper(
    db,
    tenantId,
    ['DELETE FROM audit_entry WHERE tenant_id = $1 AND index >= $2', texts.length - 1],
    [
      "INSERT INTO audit_entry SELECT (jsonb_populate_record(e, jsonb_build_object('index', i))).* FROM audit_entry e, generate_series($2::integer, $3::integer) i WHERE tenant_id = $1 AND index = 0",
      texts.length - 1,
      texts.length - 1,
    ],
    [
      'UPDATE audit_entry e SET entry = t.entry FROM unnest($2::text[]) WITH ORDINALITY AS t(entry, n) WHERE e.tenant_id = $1 AND e.index = t.n - 1 AND e.entry <> t.entry',
      texts,
    ],
    // What is kept beside entries that moved would give them away at once.
    'UPDATE audit_entry SET personal = NULL WHERE tenant_id = $1',
    ...tiles,
  )
  if (!resign) return
  await tamper(db, tenantId, 'DELETE FROM audit_checkpoint WHERE tenant_id = $1 AND size > 200 AND size < 600', [
    'UPDATE audit_checkpoint SET size = $2, root = $3, note = $4 WHERE tenant_id = $1',
    texts.length,
    root,
    note,
  ])
}

const FORGERIES: [name: string, change: (texts: Texts) => Texts, exact: object, between: object][] = [
  [
    'an altered entry',
    (texts) => texts.with(300, (texts[300] ?? '').replace('"allowed"', '"denied"')),
    { code: 'entry_altered', index: 300 },
    { index: 280, until: 319 },
  ],
  [
    'a removed entry',
    (texts) => texts.toSpliced(300, 1),
    { code: 'entry_removed', index: 300 },
    { index: 280, until: 319 },
  ],
  [
    'an added entry',
    (texts) => texts.toSpliced(300, 0, texts[2] ?? ''),
    { code: 'entry_added', index: 300 },
    { index: 280, until: 319 },
  ],
  [
    'two exchanged',
    (texts) => texts.with(300, texts[301] ?? '').with(301, texts[300] ?? ''),
    { code: 'entries_reordered', index: 300, until: 301 },
    { index: 280, until: 319 },
  ],
  [
    'the newest fifty removed',
    (texts) => texts.slice(0, 550),
    { code: 'tail_cut', index: 550, until: 599 },
    { index: 550, until: 599 },
  ],
]

describe('entries, tiles and head forged consistently', () => {
  it('exactly, where the log was verified before', async () => {
    const tenantId = await makeSigned()
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true })
    const [, change = (texts: Texts) => texts, exact] = FORGERIES[0] ?? []
    await forge(tenantId, change, { resign: false })
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, ...exact })
  })

  it.each(FORGERIES)(
    '%s, signed again with a stolen key: exactly, where it was verified before; else between two published checkpoints',
    async (_, change, exact, between) => {
      const tenantId = await makeSigned()
      expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true })
      await forge(tenantId, change, { resign: true })
      expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, ...exact })
      rmSync(join(db.dataDir, 'checkpoints', `${tenantId}.verified`))
      expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, ...between })
    },
  )

  it('with the published file gone, too, the index that was forgotten still tells; without it nothing does', async () => {
    const tenantId = await makeSigned()
    await forge(tenantId, FORGERIES[0]?.[1] ?? ((texts) => texts), { resign: true })
    rmSync(join(db.dataDir, 'checkpoints', `${tenantId}.log`))
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ code: 'index_missing_term', index: 300 })
    for (const table of ['run', 'posting', 'block'])
      await tamper(db, tenantId, `DELETE FROM audit_${table} WHERE tenant_id = $1`)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true })
  })
})

describe('only what is searched is changed: the entries hold', () => {
  /** Entry 300 stands at place 20 of its run, which begins at 280 and has 40 entries. */
  const inRun = 'tenant_id = $1 AND at = 280'
  const spoilt: [name: string, found: object, ...statements: string[]][] = [
    [
      'a bit of a posting',
      { code: expect.stringMatching(/^index_(missing|surplus)_term$/), index: expect.any(Number) },
      `UPDATE audit_posting SET body = set_byte(body, octet_length(body) - 1, get_byte(body, octet_length(body) - 1) # 1) WHERE ${inRun}`,
    ],
    ['the postings of a run', { code: 'index_missing_term', index: 280 }, `DELETE FROM audit_posting WHERE ${inRun}`],
    ['the times of a run', { code: 'index_wrong_time', index: 280 }, `DELETE FROM audit_block WHERE ${inRun}`],
    [
      'the time of one entry',
      { code: 'index_wrong_time', index: 300 },
      `UPDATE audit_block SET times = set_byte(times, 80, get_byte(times, 80) # 1) WHERE ${inRun}`,
    ],
    [
      'an entry that is said to be gone',
      { code: 'index_missing_term', index: 300 },
      `UPDATE audit_block SET missing = '\\x0014' WHERE ${inRun}`,
    ],
    [
      'an entry that is said to be gone where no run tells of it',
      { code: 'index_missing_term', index: 280 },
      `UPDATE audit_block SET missing = '\\x0014' WHERE ${inRun}`,
      `DELETE FROM audit_run WHERE ${inRun}`,
    ],
    [
      'an entry that the run before says to be gone',
      { code: 'index_missing_term', index: 300 },
      `UPDATE audit_block SET missing = '\\x00ab02' WHERE tenant_id = $1 AND at = 1`,
    ],
    [
      'the key of buckets',
      { code: 'index_missing_term', index: 280 },
      `UPDATE audit_posting SET key = key + 16 WHERE ${inRun}`,
    ],
    [
      'the bits of a run',
      { code: 'index_missing_term', index: 280 },
      `UPDATE audit_run SET bits = bits + 4 WHERE ${inRun}`,
    ],
    [
      'a bucket that stands twice',
      { code: 'index_missing_term', index: 280 },
      `INSERT INTO audit_posting SELECT tenant_id, at, key, 1, body FROM audit_posting WHERE ${inRun}`,
    ],
    [
      'a bucket that is cut',
      { code: 'index_missing_term', index: 280 },
      `UPDATE audit_posting SET body = substring(body FROM 1 FOR 9) WHERE ${inRun}`,
    ],
    [
      'when a run ends',
      { code: 'index_wrong_time', index: 280 },
      `UPDATE audit_block SET occurred_to = 0 WHERE ${inRun}`,
    ],
    [
      'in which months a run lies',
      { code: 'index_wrong_time', index: 280 },
      `UPDATE audit_run SET recorded_from = '2026-01-01', recorded_to = '2026-01-02' WHERE ${inRun}`,
    ],
    [
      'the month in which an entry lies',
      { code: 'index_wrong_time', index: 300 },
      "UPDATE audit_entry SET recorded_at = recorded_at - interval '1 day' WHERE tenant_id = $1 AND index = 300",
    ],
    [
      'the id under which an entry is opened',
      { code: 'index_wrong_time', index: 300 },
      'UPDATE audit_entry SET id = gen_random_uuid() WHERE tenant_id = $1 AND index = 300',
    ],
    [
      'how long the log is',
      { code: 'tail_cut', index: 550, until: 599 },
      'UPDATE audit_head SET size = 550 WHERE tenant_id = $1',
    ],
    [
      'how much of it is archived',
      { code: 'entry_removed', index: 0, until: 99 },
      "INSERT INTO audit_archive (tenant_id, cold_to, changed_at) VALUES ($1, 100, '2026-01-01')",
    ],
  ]

  it.each(spoilt)('%s', async (_, found, ...statements) => {
    const tenantId = await makeSigned()
    await tamper(db, tenantId, ...statements)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, ...found })
  })

  it('merged runs are checked as those of an append are', async () => {
    const tenantId = await makeTenant()
    for (let n = 0; n < 70; n++) await grow(tenantId, 2)
    await signHead(tenantId)
    await mergeIndex(tenantId)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true })
    await tamper(db, tenantId, 'DELETE FROM audit_posting WHERE tenant_id = $1 AND at = 0')
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ code: 'index_missing_term' })
  })
})

describe("yesterday's state is restored and goes on", () => {
  /** A log of 600 entries whose first 320 were restored; then it grew by `more`. */
  async function makeRestored(more: number, { isVerified }: { isVerified: boolean }): Promise<string> {
    const tenantId = await makeTenant()
    await grow(tenantId, 319)
    await signHead(tenantId)
    await grow(tenantId, 10)
    const bringBack = await keepLog(db, tenantId)
    await grow(tenantId, 270)
    await signHead(tenantId)
    if (isVerified) expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true })
    await bringBack()
    await grow(tenantId, more)
    return tenantId
  }

  it.each([
    ['while it is shorter than what was signed', 100],
    ['when it has become longer', 400],
  ])('is a fork with the size where it splits, %s', async (_, more) => {
    for (const isVerified of [false, true]) {
      const tenantId = await makeRestored(more, { isVerified })
      const { verdict } = await verifyStoredLog(tenantId)
      expect(verdict).toMatchObject({ ok: false, code: 'fork', index: 330 })
      expect(verdict.ok || verdict.problems).toHaveLength(1)
    }
  })
})
