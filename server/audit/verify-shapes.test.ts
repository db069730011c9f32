import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { utf8Encode } from '#lib/bytes.ts'
import { leafHash } from '#protocol/audit/merkle.ts'
import type { AuditDraft } from '#server/kernel/ledger.ts'
import { ATTACKS, forgedTree, grow, keepLog, tamper } from '#test/attacks.ts'
import { makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { daysAgo, recordDrafts, setRules, usePast } from '#test/past.ts'
import { signHead } from './checkpoints.ts'
import { mergeIndex } from './index/merge.ts'
import { purgeTenant } from './keeping/purge.ts'
import { testingOnlyForgetSigners } from './log-key.ts'
import { verifyStoredLog } from './verify-now.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const db = useDatabase()

usePast(db, 101)
beforeEach(() => testingOnlyForgetSigners())

const texts = async (tenantId: string) =>
  (
    await db.superuser.query<{ entry: string }>('SELECT entry FROM audit_entry WHERE tenant_id = $1 ORDER BY index', [
      tenantId,
    ])
  ).rows.map(({ entry }) => entry)

/** Grows it to `size` by appends of five. */
async function growTo(tenantId: string, size: number): Promise<void> {
  for (let has = (await texts(tenantId)).length; has < size; has += 5) await grow(tenantId, Math.min(5, size - has))
}

/** A log of 600 entries in small appends, merged by the worker, signed at 280, 320 and 600. */
async function makeMerged(): Promise<string> {
  const tenantId = await makeTenant()
  for (const size of [280, 320, 600]) {
    await growTo(tenantId, size)
    await signHead(tenantId)
  }
  expect(await mergeIndex(tenantId)).toBeGreaterThan(0)
  return tenantId
}

/** Entries of a hundred days ago that are kept for thirty. */
const GONE = { from: 200, to: 260 }

/** A log of 600 entries of which 200 to 259 were purged, with a certificate; signed at 280, 320 and 600. */
async function makePurged(): Promise<{ tenantId: string; before: readonly string[] }> {
  const tenantId = await daysAgo(100, async () => {
    const id = await makeTenant()
    await grow(id, GONE.from - 1)
    await recordDrafts(
      id,
      Array.from({ length: GONE.to - GONE.from }, (): AuditDraft => ({ action: 'file.view' })),
    )
    await grow(id, 20)
    await signHead(id)
    return id
  })
  await grow(tenantId, 40)
  await signHead(tenantId)
  const before = await texts(tenantId)
  await setRules(tenantId, { activity: 30 })
  await signHead(tenantId)
  expect(await purgeTenant(tenantId)).toEqual({ events: GONE.to - GONE.from })
  await grow(tenantId, 600 - (GONE.to - GONE.from) - (await texts(tenantId)).length)
  await signHead(tenantId)
  return { tenantId, before }
}

/** Everything made again over other leaves: tiles of all levels, the head, and with the stolen key the newest checkpoint. */
async function forgeTree(tenantId: string, leaves: readonly Uint8Array[]): Promise<void> {
  const { tiles, root, note } = await forgedTree(db, tenantId, leaves)
  await tamper(
    db,
    tenantId,
    ...tiles,
    'DELETE FROM audit_checkpoint WHERE tenant_id = $1 AND size > 300 AND size < 600',
    ['UPDATE audit_checkpoint SET root = $2, note = $3 WHERE tenant_id = $1 AND size = 600', root, note],
  )
}

const ALTERED = /^UPDATE audit_tile/

const SEARCHED: [name: string, code: string | RegExp, statement: string][] = [
  ['a posting', 'index_missing_term', 'DELETE FROM audit_posting WHERE tenant_id = $1 AND at = 0'],
  [
    'a bit of each posting',
    /^index_(missing|surplus)_term$/,
    'UPDATE audit_posting SET body = set_byte(body, octet_length(body) - 1, get_byte(body, octet_length(body) - 1) # 1) WHERE tenant_id = $1 AND at = 0',
  ],
  [
    'the time of one entry',
    'index_wrong_time',
    'UPDATE audit_block SET times = set_byte(times, 80, get_byte(times, 80) # 1) WHERE tenant_id = $1 AND at = (SELECT at FROM audit_block WHERE tenant_id = $1 ORDER BY entries DESC LIMIT 1)',
  ],
]

describe.each([
  ['a merged index', makeMerged],
  ['purged ranges', async () => (await makePurged()).tenantId],
])('a log with %s', (kind, make) => {
  let tenantId: string
  let bringBack: () => Promise<void>

  beforeAll(async () => {
    tenantId = await make()
    bringBack = await keepLog(db, tenantId)
    expect(await readLog(db, tenantId)).not.toHaveLength(0)
  })
  afterEach(() => bringBack())

  it.each(ATTACKS)('%s', async (_, found, statements) => {
    await tamper(db, tenantId, ...statements)
    const { verdict } = await verifyStoredLog(tenantId)
    // The first hash of that tile is all that is left of a purged entry: between two checkpoints is then all that can be said.
    const isAllThatIsLeft =
      kind === 'purged ranges' && found.code === 'tile_altered' && ALTERED.test(statements[0] ?? '')
    if (isAllThatIsLeft) expect(verdict).toMatchObject({ ok: false, code: 'root_mismatch', index: 0, until: 279 })
    else expect(verdict).toMatchObject({ ok: false, ...found })
  })

  it.each(SEARCHED)('only what is searched: %s', async (_, code, statement) => {
    await tamper(db, tenantId, statement)
    const found = typeof code === 'string' ? code : expect.stringMatching(code)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, code: found })
  })

  it('brought back whole, it holds', async () => {
    const other = await keepLog(db, tenantId)
    await grow(tenantId, 3)
    await other()
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true, checkpoint: { size: 600 } })
  })

  // The last one: what was published of a history that was undone stays published.
  it("yesterday's backup is restored and goes on", async () => {
    await grow(tenantId, 40)
    await signHead(tenantId)
    await bringBack()
    await grow(tenantId, 50)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, code: 'fork', index: 600 })
  })
})

describe('a log with purged ranges', () => {
  it.each([
    ['the entry before them is removed, too', 199, 'DELETE FROM audit_entry WHERE tenant_id = $1 AND index = 199'],
    ['the entry behind them is removed, too', 260, 'DELETE FROM audit_entry WHERE tenant_id = $1 AND index = 260'],
  ])('%s', async (_, index, statement) => {
    const { tenantId } = await makePurged()
    await tamper(db, tenantId, statement)
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, code: 'entry_removed', index })
  })

  it('the hash that stands for one of them is altered: exactly, where the log was verified before', async () => {
    const { tenantId } = await makePurged()
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: true, purged: 60 })
    await tamper(
      db,
      tenantId,
      'UPDATE audit_tile SET hashes = set_byte(hashes, 32, 255 - get_byte(hashes, 32)) WHERE tenant_id = $1 AND level = 0 AND number = 1',
    )
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, index: 257 })
  })

  it('without their certificate, they are missing', async () => {
    const { tenantId } = await makePurged()
    await tamper(db, tenantId, "UPDATE audit_purge SET certificate = NULL, state = 'recorded' WHERE tenant_id = $1")
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, code: 'entry_removed', index: 200 })
  })

  it('with a certificate that says more than was signed, they are missing', async () => {
    const { tenantId } = await makePurged()
    await tamper(
      db,
      tenantId,
      "UPDATE audit_purge SET certificate = replace(certificate, '259', '299') WHERE tenant_id = $1",
      'DELETE FROM audit_entry WHERE tenant_id = $1 AND index = 280',
    )
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, code: 'entry_removed' })
  })

  it('an entry, tiles, head and checkpoint forged consistently, signed with the stolen key', async () => {
    const { tenantId, before } = await makePurged()
    const kept = new Map((await readIndexed(tenantId)).map(({ index, entry }) => [Number(index), entry]))
    const forged = (kept.get(300) ?? '').replace('"allowed"', '"denied"')
    const leaves = Array.from({ length: 600 }, (_, index) =>
      leafHash(utf8Encode(index === 300 ? forged : (kept.get(index) ?? before[index] ?? ''))),
    )
    await tamper(db, tenantId, [
      'UPDATE audit_entry SET entry = $2, personal = NULL WHERE tenant_id = $1 AND index = 300',
      forged,
    ])
    await forgeTree(tenantId, leaves)
    // Between two checkpoints that were published outside of the database.
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, index: 280, until: 319 })
  })

  async function readIndexed(tenantId: string) {
    const { rows } = await db.superuser.query<{ index: string; entry: string }>(
      'SELECT index, entry FROM audit_entry WHERE tenant_id = $1',
      [tenantId],
    )
    return rows
  }
})

describe('the newest thousand', () => {
  it('removed', async () => {
    const tenantId = await makeTenant()
    await grow(tenantId, 1_299)
    await signHead(tenantId)
    await tamper(db, tenantId, 'DELETE FROM audit_entry WHERE tenant_id = $1 AND index >= 300')
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({
      ok: false,
      code: 'tail_cut',
      index: 300,
      until: 1_299,
    })
  })

  it('removed with the head: what was published outside of the database is longer', async () => {
    const tenantId = await makeTenant()
    await grow(tenantId, 299)
    await signHead(tenantId)
    const bringBack = await keepLog(db, tenantId)
    await grow(tenantId, 1_000)
    await signHead(tenantId)
    await bringBack()
    expect((await verifyStoredLog(tenantId)).verdict).toMatchObject({ ok: false, code: 'tail_cut', index: 300 })
  })
})
