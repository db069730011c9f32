import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import type { BundleFormat, BundleReader, BundleVerdict } from '#protocol/audit/bundle.ts'
import { harmless } from '#protocol/audit/bundle-csv.ts'
import { readParquet } from '#protocol/audit/bundle-parquet.ts'
import { verifyBundle } from '#protocol/audit/bundle-verify.ts'
import { layZip, openZip } from '#protocol/audit/bundle-zip.ts'
import { generateNoteKey } from '#protocol/audit/note.ts'
import { hideNames, unmaskNames } from '#server/audit/commands.ts'
import { type Actor, systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { askReasonForNames } from '#server/tenants/commands.ts'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { cancelExport, requestExport } from './commands.ts'
import { expireExports, exportJobs } from './jobs.ts'
import { getExport, listExports, openExport } from './queries.ts'
import { type RunOptions, runExport } from './run-export.ts'

const database = useDatabase()

const NAMES = ['=HYPERLINK("http://evil")', '+1', '@sum', 'Plan; -1+1', 'Wei, "Lin"', '报告.pdf', 'line\n=1', 'plain']

async function grow(tenantId: string, entries: number): Promise<void> {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
    result: null,
    audit: Array.from({ length: entries }, (_, n) => ({
      action: 'file.view' as const,
      outcome: n % 3 === 0 ? ('denied' as const) : ('allowed' as const),
      target: { type: 'file', id: `file-${n % 5}`, name: NAMES[n % NAMES.length] ?? '' },
      ...(n % 4 === 0 && { labels: ['board', '机密; =1'] }),
      ...(n % 7 === 0 && { reason: '\tbecause; of "it"', detail: { page: String(n), by: ['-a', 'b'] } }),
    })),
  }))
}

async function setting(entries = 60) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await grow(tenantId, entries)
  return { tenantId, owner }
}

const ask = (format: BundleFormat, more: object = {}) => ({ q: '', format, timeZone: 'Asia/Shanghai', ...more })
const SMALL = { partEvents: 25 }

async function made(
  actor: Actor,
  input: Parameters<typeof requestExport>[1],
  options: RunOptions = SMALL,
): Promise<string> {
  const { id } = await requestExport(actor, input)
  await runExport(actor.tenantId, id, options)
  return id
}

async function bytesOf(actor: Actor, id: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of (await openExport(actor, id)).read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

function readerOf(bytes: Uint8Array): Promise<BundleReader> {
  return openZip({ sizeBytes: bytes.length, read: async (from, to) => bytes.subarray(from, to) })
}

async function member(reader: BundleReader, name: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of reader.read(name)) pieces.push(piece)
  return Buffer.concat(pieces)
}

type Members = Map<string, Buffer>

async function membersOf(bytes: Uint8Array): Promise<Members> {
  const reader = await readerOf(bytes)
  const members: Members = new Map()
  for (const name of reader.names) members.set(name, await member(reader, name))
  return members
}

/** A ZIP of the members, and what verification says of it. */
async function verdictOf(members: Members, vkey?: string): Promise<BundleVerdict> {
  const { stretches } = layZip([...members].map(([name, b]) => ({ name, sizeBytes: b.length, crc32: crc32(b) })))
  const zip = stretches.map((s) =>
    s.kind === 'bytes' ? Buffer.from(s.bytes) : (members.get(s.name) ?? Buffer.alloc(0)),
  )
  return verifyBundle(await readerOf(Buffer.concat(zip)), { vkey })
}

describe('an export', () => {
  it.each(['csv', 'ndjson', 'parquet'] as const)(
    'works: everything as %s, verified without the server',
    async (format) => {
      const { tenantId, owner } = await setting()
      const id = await made(owner, ask(format))
      const view = await getExport(owner, { exportId: id })
      expect(view).toMatchObject({ state: 'ready', progress: 1, events: 62, masked: false, problem: null })
      expect(view.parts.map(({ events }) => events)).toEqual([25, 25, 12])
      const bytes = await bytesOf(owner, id)
      expect(bytes).toHaveLength(view.sizeBytes ?? 0)
      const reader = await readerOf(bytes)
      const verdict = await verifyBundle(reader)
      expect(verdict).toMatchObject({ ok: true, events: 62, personalChecked: 62, keyFrom: 'bundle' })
      const manifest = JSON.parse((await member(reader, 'manifest.json')).toString())
      expect(manifest).toMatchObject({ kind: 'export', asOf: 62, about: { q: '', timeZone: 'Asia/Shanghai' } })
      expect(Object.values(manifest.events.days).reduce((sum: number, count) => sum + Number(count), 0)).toBe(62)
      const entries = (await readLog(database, tenantId)).slice(-2)
      expect(entries.map(({ entry }) => entry.action)).toEqual(['audit.export', 'audit.export'])
      expect(entries.map(({ personal }) => personal?.detail?.phase)).toEqual(['request', 'download'])
    },
  )

  it('of a search has its matches alone, ascending; of nothing the columns', async () => {
    const { owner } = await setting()
    const denied = await made(owner, ask('csv', { q: 'outcome:denied action:file.view' }))
    const members = await membersOf(await bytesOf(owner, denied))
    expect(await verdictOf(members)).toMatchObject({ ok: true, events: 20 })
    const lines = members.get('parts/events-000001.csv')?.toString().split('\r\n') ?? []
    expect(lines[0]).toMatch(/^index,occurred_at,recorded_at,action,/)
    expect(lines[1]).toMatch(/^2,\d{4}-\d\d-\d\dT[\d:.]+\+08:00,/)
    const none = await made(owner, ask('csv', { q: 'action:device.wipe' }))
    expect(await verdictOf(await membersOf(await bytesOf(owner, none)))).toMatchObject({ ok: true, events: 0 })
  })

  it('gives the same parts for the same asOf, whatever was recorded since', async () => {
    const { tenantId, owner } = await setting()
    for (const format of ['csv', 'parquet'] as const) {
      const parts = async () => {
        const id = await made(owner, ask(format, { asOf: 50 }))
        return (await getExport(owner, { exportId: id })).parts
      }
      const first = await parts()
      await grow(tenantId, 30)
      expect(await parts()).toEqual(first)
      expect(first.reduce((sum, { events }) => sum + events, 0)).toBe(50)
    }
    await expect(requestExport(owner, ask('csv', { asOf: 10_000 }))).rejects.toMatchObject({ code: 'invalid' })
  })

  it('holds nothing in CSV that a spreadsheet would carry out, whichever sign separates its cells', async () => {
    const { owner } = await setting()
    const id = await made(owner, ask('csv'))
    const members = await membersOf(await bytesOf(owner, id))
    for (const [name, bytes] of members) {
      if (!name.endsWith('.csv')) continue
      for (const cell of bytes.toString().split(/[,;\t\r\n]/))
        expect(cell.replace(/^[\s"]+/, '')).not.toMatch(/^[=+@-]/)
    }
    expect(members.get('parts/events-000001.csv')?.toString()).toContain(`"'=HYPERLINK(""http://evil"")"`)
  })

  it.each(['begun', 'page', 'part written', 'part recorded', 'sealing', 'sealed'])(
    'goes on after a worker was killed (%s), with the same bytes',
    async (fatal) => {
      const { tenantId, owner } = await setting()
      const undisturbed = await made(owner, ask('csv', { asOf: 60 }))
      const { id } = await requestExport(owner, ask('csv', { asOf: 60 }))
      let deaths = 0
      const step = (name: string) => {
        // The first part is there before the worker dies.
        if (name !== fatal || deaths > 0) return
        deaths += 1
        throw Object.assign(new Error('killed'), { code: 'EKILLED', syscall: 'kill' })
      }
      await expect(runExport(tenantId, id, { ...SMALL, step })).rejects.toThrow('killed')
      expect(await getExport(owner, { exportId: id })).toMatchObject({
        state: /seal/.test(fatal) ? 'sealing' : 'running',
      })
      await runExport(tenantId, id, SMALL)
      const { parts } = await getExport(owner, { exportId: id })
      expect(parts).toEqual((await getExport(owner, { exportId: undisturbed })).parts)
      expect(await verdictOf(await membersOf(await bytesOf(owner, id)))).toMatchObject({ ok: true, events: 60 })
    },
  )

  it('is made by one worker at a time', async () => {
    const { tenantId, owner } = await setting()
    const { id } = await requestExport(owner, ask('ndjson'))
    await Promise.all([1, 2, 3].map(() => runExport(tenantId, id, SMALL)))
    expect(await getExport(owner, { exportId: id })).toMatchObject({ state: 'ready', events: 62 })
  })

  it('is downloaded in any ranges, which is one download', async () => {
    const { tenantId, owner } = await setting()
    const id = await made(owner, ask('ndjson'))
    const whole = await bytesOf(owner, id)
    const size = (await readLog(database, tenantId)).length
    const file = await openExport(owner, id)
    for (const [from, to] of [
      [0, 10],
      [whole.length - 100, whole.length],
      [50, 20_000],
      [999, 1_000],
    ] as const) {
      const pieces: Uint8Array[] = []
      for await (const piece of file.read(from, to)) pieces.push(piece)
      expect(Buffer.concat(pieces).equals(whole.subarray(from, to))).toBe(true)
    }
    expect(await readLog(database, tenantId)).toHaveLength(size)
  })

  it('is not found by others: another organisation, another person, another key', async () => {
    const { tenantId, owner } = await setting(3)
    const id = await made(owner, ask('csv'))
    const stranger = await makePerson(await makeTenant(), { role: 'owner' })
    const colleague = await makePerson(tenantId, { role: 'compliance' })
    for (const other of [stranger, colleague, makeApiKeyActor(tenantId, ['audit:export', 'audit:unmask'])]) {
      await expect(getExport(other, { exportId: id })).rejects.toMatchObject({ code: 'not_found' })
      await expect(openExport(other, id)).rejects.toMatchObject({ code: 'not_found' })
      await expect(cancelExport(other, { exportId: id })).rejects.toMatchObject({ code: 'not_found' })
      expect((await listExports(other, {})).items).toEqual([])
    }
    expect((await listExports(owner, {})).items).toHaveLength(1)
    const admin = await makePerson(tenantId, { role: 'admin' })
    await expect(requestExport(admin, ask('csv'))).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('is cancelled while it waits or runs, and its files go', async () => {
    const { tenantId, owner } = await setting()
    const { id } = await requestExport(owner, ask('csv'))
    await cancelExport(owner, { exportId: id })
    await runExport(tenantId, id, SMALL)
    expect(await getExport(owner, { exportId: id })).toMatchObject({ state: 'cancelled', parts: [] })
    await expect(openExport(owner, id)).rejects.toMatchObject({ code: 'conflict' })
    await expect(cancelExport(owner, { exportId: id })).rejects.toMatchObject({ code: 'conflict' })
    expect(existsSync(join(database.dataDir, 'exports', tenantId, id))).toBe(false)
  })

  it('makes room: the oldest of the organisation go first, then the oldest of any; one that is too large alone fails', async () => {
    const [first, other] = [await setting(30), await setting(30)]
    const stateOf = async (actor: Actor, exportId: string) => (await getExport(actor, { exportId })).state
    const old = await made(other.owner, ask('csv'))
    const size = (await getExport(other.owner, { exportId: old })).sizeBytes ?? 0
    const roomFor = (own: number, all: number) => ({ ...SMALL, space: { own: own * size, all: all * size } })
    const a = await made(first.owner, ask('csv'), roomFor(2.5, 100))
    const b = await made(first.owner, ask('csv'), roomFor(2.5, 100))
    expect([await stateOf(first.owner, a), await stateOf(first.owner, b)]).toEqual(['ready', 'ready'])
    const c = await made(first.owner, ask('csv'), roomFor(2.5, 100))
    expect([await stateOf(first.owner, a), await stateOf(first.owner, b)]).toEqual(['expired', 'ready'])
    expect(existsSync(join(database.dataDir, 'exports', first.tenantId, a))).toBe(false)
    await expect(openExport(first.owner, a)).rejects.toMatchObject({ code: 'gone' })
    // Exports of other tests are older than any of these.
    const kept = (await Promise.all([b, c].map((id) => getExport(first.owner, { exportId: id })))).length
    const d = await made(other.owner, ask('csv'), roomFor(10, kept + 1.6))
    expect(await stateOf(other.owner, old)).toBe('expired')
    expect([await stateOf(first.owner, b), await stateOf(first.owner, c)]).toEqual(['ready', 'ready'])
    expect(await stateOf(other.owner, d)).toBe('ready')
    const large = await made(other.owner, ask('csv'), { ...SMALL, space: { own: size / 20, all: 10 * size } })
    expect((await getExport(other.owner, { exportId: large })).problem).toEqual({ code: 'too_large', index: null })
    expect(existsSync(join(database.dataDir, 'exports', other.tenantId, large))).toBe(false)
    expect(await stateOf(other.owner, d)).toBe('ready')
  })

  it('is made in turns: an organisation waits in line twice, and each turn makes its oldest', async () => {
    const { tenantId, owner } = await setting(3)
    const ids = [await requestExport(owner, ask('csv')), await requestExport(owner, ask('ndjson'))].map(({ id }) => id)
    const inLine = async () =>
      (
        await database.superuser.query('SELECT key FROM graphile_worker.jobs WHERE key LIKE $1 ORDER BY key', [
          `exports.make:${tenantId}:%`,
        ])
      ).rows.map(({ key }: { key: string }) => Number(key.at(-1)))
    const states = () => Promise.all(ids.map(async (exportId) => (await getExport(owner, { exportId })).state))
    expect(await inLine()).toEqual([0, 1])
    await exportJobs['exports.make']({ tenantId, nth: 0 })
    expect(await states()).toEqual(['ready', 'queued'])
    expect(await inLine()).toEqual([0, 1])
    await exportJobs['exports.make']({ tenantId, nth: 0 })
    expect(await states()).toEqual(['ready', 'ready'])
  })

  it('is gone after seven days', async () => {
    const { tenantId, owner } = await setting(3)
    const id = await made(owner, ask('csv'))
    testingOnlyAdvanceClock(7 * 86_400_000 + 1)
    await expireExports()
    testingOnlyResetClock()
    expect(await getExport(owner, { exportId: id })).toMatchObject({ state: 'expired' })
    await expect(openExport(owner, id)).rejects.toMatchObject({ code: 'gone' })
    expect(existsSync(join(database.dataDir, 'exports', tenantId, id))).toBe(false)
  })

  it.each(['csv', 'ndjson', 'parquet'] as const)(
    'for who may not see names has pseudonyms and no entries (%s)',
    async (format) => {
      const { tenantId, owner } = await setting(20)
      const key = makeApiKeyActor(tenantId, ['audit:read', 'audit:export'])
      const id = await made(key, ask(format))
      const bytes = await bytesOf(key, id)
      const members = await membersOf(bytes)
      expect(await verdictOf(members)).toMatchObject({ ok: true, personalChecked: 0, manifest: { masked: true } })
      const part = members.get(`parts/events-000001.${format}`)?.toString('latin1') ?? ''
      for (const hidden of [owner.name, owner.email, owner.personId, 'because', 'salt'])
        expect(part).not.toContain(hidden)
      expect(part).toContain('file.view')
    },
  )

  it('with names is not given to who may not see them any more, also within the hour of a download', async () => {
    const { owner } = await setting(3)
    const id = await made(owner, ask('csv'))
    await bytesOf(owner, id)
    const reader = { ...owner, permissions: new Set([...owner.permissions].filter((one) => one !== 'audit:unmask')) }
    await expect(openExport(reader, id)).rejects.toMatchObject({ code: 'forbidden' })
    const last = (await readLog(database, owner.tenantId)).at(-1)
    expect(last?.entry).toMatchObject({ action: 'audit.export', outcome: 'denied' })
    await bytesOf(owner, id)
  })

  it('with names that are shown for a reason: everybody in it has an entry with that reason, once, before it can be had', async () => {
    const { tenantId, owner } = await setting(3)
    const [lin, bo] = [await makePerson(tenantId, { name: 'Lin' }), await makePerson(tenantId, { name: 'Bo' })]
    const cy = await makePerson(tenantId, { name: 'Cy', email: 'cy@example.org' })
    await askReasonForNames(owner, {})
    const reason = 'Complaint 2026-117'
    const { id: unmaskingId } = await unmaskNames(owner, { reason })
    await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
      result: null,
      audit: [lin, lin, bo].map(({ personId: id, name }) => ({
        action: 'file.view' as const,
        actor: { kind: 'person' as const, id, name },
        target: { type: 'file', id: 'a', name: 'Plan' },
        detail: { to: 'cy@example.org' },
      })),
    }))
    const { id } = await requestExport(owner, ask('ndjson', { q: 'action:file.view actor:Lin' }))
    // The worker comes to it when names are hidden again: the file has them all the same.
    await hideNames(owner, {})
    await runExport(tenantId, id, SMALL)
    const shown = async () =>
      (await readLog(database, tenantId))
        .filter(({ entry }) => entry.action === 'audit.unmask' && entry.target)
        .map(({ entry, personal }) => ({ ...entry, reason: personal.reason, detail: personal.detail }))
    const expected = {
      actor: { kind: 'person', id: owner.personId },
      correlationId: unmaskingId,
      reason,
      detail: { export: id },
    }
    expect(await shown()).toMatchObject(
      [lin, cy].map(({ personId }) => ({ ...expected, target: { type: 'person', id: personId } })),
    )
    // Without a reason asked for there is none to write down; under the next one everybody has another.
    const again = await unmaskNames(owner, { reason })
    await made(owner, ask('csv', { q: 'action:file.view' }), { partEvents: 2 })
    const later = (await shown()).slice(2)
    expect(later.map(({ target }) => target?.id).sort()).toEqual([lin, bo, cy].map(({ personId }) => personId).sort())
    expect(later.every(({ correlationId }) => correlationId === again.id)).toBe(true)
  })

  it('with names is had under the reason that holds then: each act has its own entry, and without one there is no file', async () => {
    const { tenantId, owner } = await setting(3)
    const before = await made(owner, ask('csv'))
    await askReasonForNames(owner, {})
    await unmaskNames(owner, { reason: 'Complaint 2026-117' })
    const id = await made(owner, ask('csv', { q: 'action:file.view' }))
    const downloads = async () =>
      (await readLog(database, tenantId))
        .filter(({ entry, personal }) => entry.target?.id === id && personal.detail?.phase === 'download')
        .map(({ entry: { actor, outcome, correlationId }, personal: { reason, detail } }) => ({
          ...{ who: actor.id, outcome, correlationId, reason, names: detail?.names },
        }))
    await hideNames(owner, {})
    await expect(openExport(owner, id)).rejects.toMatchObject({ code: 'forbidden' })
    expect((await listExports(owner, { limit: 5 })).items).toMatchObject([{ isShown: false }, { isShown: false }])
    const told: object[] = []
    for (const reason of ['Complaint 2026-118', 'Complaint 2026-119']) {
      const act = await unmaskNames(owner, { reason })
      await bytesOf(owner, id)
      await bytesOf(owner, id)
      told.push({ who: owner.personId, outcome: 'allowed', correlationId: act.id, reason, names: 'true' })
      expect(await downloads()).toEqual(told)
      await hideNames(owner, {})
    }
    // In another session of the same person nothing was unmasked.
    await unmaskNames(owner, { reason: 'Complaint 2026-120' })
    const elsewhere = { ...owner, sessionId: uuidv7() }
    await expect(openExport(elsewhere, id)).rejects.toMatchObject({ code: 'forbidden' })
    // Of one that was made without a reason nobody named in it knows.
    await expect(openExport(owner, before)).rejects.toMatchObject({ code: 'forbidden' })
    expect(await getExport(owner, { exportId: before })).toMatchObject({ isShown: false })
    expect(await getExport(owner, { exportId: id })).toMatchObject({ isShown: true })
  })

  it('names an entry that was altered in the database, and is not made', async () => {
    const { tenantId, owner } = await setting()
    const client = await database.superuser.connect()
    await client.query('SET session_replication_role = replica')
    await client.query(
      `UPDATE audit_entry SET entry = replace(entry, '"outcome":"allowed"', '"outcome":"denied"') WHERE tenant_id = $1 AND index = 33`,
      [tenantId],
    )
    client.release(true)
    const id = await made(owner, ask('ndjson'))
    expect(await getExport(owner, { exportId: id })).toMatchObject({
      state: 'failed',
      problem: { code: 'entry_altered', index: 33 },
    })
  })
})

describe('a cell of CSV', () => {
  it.each([
    ['=1', "'=1"],
    ['＝1', "'＝1"],
    ['a;  -1', "a;'  -1"],
    // Where the semicolon separates, the quotes around the cell begin in another one, and these are its own.
    ['a;"=1+1', `a;'"=1+1`],
    ['a; ""=cmd|x', `a;' ""=cmd|x`],
    ['a "=1"', 'a "=1"'],
  ])('%s is carried out nowhere', (text, cell) => {
    expect(harmless(text)).toBe(cell)
  })
})

describe('a bundle that was tampered with', () => {
  async function sealed(format: BundleFormat = 'csv') {
    const { owner } = await setting()
    return membersOf(await bytesOf(owner, await made(owner, ask(format))))
  }
  const edit = (members: Members, name: string, change: (text: string) => string): Members => {
    const before = members.get(name)?.toString('latin1') ?? ''
    const after = change(before)
    expect(after).not.toBe(before)
    return new Map(members).set(name, Buffer.from(after, 'latin1'))
  }
  const lines = (change: (lines: string[]) => string[]) => (text: string) => change(text.split('\r\n')).join('\r\n')

  it('is refused, whichever member was changed, with row and index', async () => {
    const members = await sealed()
    expect(await verdictOf(members)).toMatchObject({ ok: true })
    const second = 'parts/events-000002.csv'
    // Entries 25 to 49: row 3 is entry 27.
    const cases: [Members, object][] = [
      [edit(members, second, (text) => text.replace('27,', '28,')), { code: 'event_missing', index: 27, row: 3 }],
      [
        edit(
          members,
          second,
          lines((all) => all.toSpliced(3, 1)),
        ),
        { code: 'event_missing', index: 27, row: 3 },
      ],
      [
        edit(
          members,
          second,
          lines((all) => all.toSpliced(3, 0, all[3] ?? '')),
        ),
        { code: 'event_surplus', index: 27, row: 4 },
      ],
      [
        edit(
          members,
          second,
          lines((all) => all.with(3, all[4] ?? '').with(4, all[3] ?? '')),
        ),
        { code: 'event_missing', index: 27, row: 3 },
      ],
      [
        edit(
          members,
          second,
          lines((all) => all.slice(0, -2).concat('')),
        ),
        { code: 'event_missing', index: 49, row: 25 },
      ],
      [
        edit(
          members,
          second,
          lines((all) => all.with(3, (all[3] ?? '').replace('file.view', 'file.copy'))),
        ),
        { code: 'column_altered', index: 27, row: 3 },
      ],
      [
        edit(
          members,
          second,
          lines((all) => all.with(3, (all[3] ?? '').replaceAll('file.view', 'file.copy'))),
        ),
        { code: 'entry_altered', index: 27, row: 3 },
      ],
      [
        edit(
          members,
          second,
          lines((all) => all.with(3, (all[3] ?? '').replaceAll('+08:00', '+07:00'))),
        ),
        { code: 'column_altered', index: 27, row: 3 },
      ],
      [
        edit(
          members,
          second,
          lines((all) => all.with(3, (all[3] ?? '').replace(/""salt"":""./, '""salt"":""_'))),
        ),
        { code: 'personal_mismatch', index: 27, row: 3 },
      ],
      [
        edit(members, second, (text) => text.replace('index,occurred_at', 'index,occured_at')),
        { code: 'row_malformed' },
      ],
      [
        edit(members, second, (text) => text.replace(/,system,/, ',"system",')),
        { code: 'file_altered', member: second },
      ],
    ]
    for (const name of ['leaves', 'proof', 'verify.txt'])
      cases.push([
        new Map(members).set(name, Buffer.concat([members.get(name) ?? Buffer.alloc(0), Buffer.from('x')])),
        { code: 'file_altered', member: name },
      ])
    for (const name of members.keys()) {
      const without = new Map(members)
      without.delete(name)
      cases.push([without, { code: 'file_missing', member: name }])
    }
    cases.push(
      [new Map(members).set('parts/more.csv', Buffer.from('x')), { code: 'file_surplus', member: 'parts/more.csv' }],
      [edit(members, 'manifest.json', (text) => text.replace('"asOf":62', '"asOf":61')), { code: 'seal_invalid' }],
      [edit(members, 'manifest.json', (text) => `${text} `), { code: 'bundle_malformed' }],
      [edit(members, 'manifest.note', (text) => text.replace(/ (.)(\S+)\n$/, ' $1A$2\n')), { code: 'seal_invalid' }],
      [edit(members, 'checkpoint', (text) => text.replace(/\n6(\d)\n/, '\n7$1\n')), { code: 'checkpoint_invalid' }],
    )
    for (const [tampered, expected] of cases)
      expect(await verdictOf(tampered)).toMatchObject({ ok: false, ...expected })
  })

  it('is refused where another key signed it', async () => {
    const members = await sealed('ndjson')
    const { vkey } = await generateNoteKey('localhost:8443/log/x')
    expect(await verdictOf(members, vkey)).toMatchObject({ ok: false, code: 'seal_invalid' })
    const own = JSON.parse(members.get('manifest.json')?.toString() ?? '').vkey
    expect(await verdictOf(members, own)).toMatchObject({ ok: true, keyFrom: 'given' })
  })

  it('is refused as NDJSON and Parquet, too', async () => {
    const ndjson = await sealed('ndjson')
    const name = 'parts/events-000001.ndjson'
    const changed = edit(ndjson, name, (text) => text.replace('"index":7,', '"index":7, '))
    expect(await verdictOf(changed)).toMatchObject({ code: 'row_malformed', index: 7, row: 8 })
    const renamed = edit(ndjson, name, (text) => text.replaceAll('"file-3"', '"file-4"'))
    expect(await verdictOf(renamed)).toMatchObject({ code: 'entry_altered' })
    const parquet = await sealed('parquet')
    const part = edit(parquet, 'parts/events-000001.parquet', (text) => text.replace('file.view', 'file.copy'))
    expect(await verdictOf(part)).toMatchObject({ code: 'file_altered', member: 'parts/events-000001.parquet' })
  })

  it('whose Parquet calls its columns otherwise is none, also where it was sealed so', async () => {
    const bytes = (await sealed('parquet')).get('parts/events-000001.parquet') ?? Buffer.alloc(0)
    const read = async (part: Buffer) => {
      const range = async function* (from: number, to: number) {
        yield part.subarray(from, to)
      }
      let count = 0
      for await (const rows of readParquet({ sizeBytes: part.length, read: range, masked: false })) count += rows.length
      return count
    }
    expect(await read(bytes)).toBe(25)
    // Whoever takes the columns by their names would take the one for the other.
    const swapped = bytes
      .toString('latin1')
      .replace(/(occurred|recorded)(?=_at)/g, (name) => (name === 'recorded' ? 'occurrex' : name))
    await expect(read(Buffer.from(swapped, 'latin1'))).rejects.toThrow('has other columns')
  })

  it('is refused as a ZIP that says two things, has gaps or is cut off', async () => {
    const { owner } = await setting(3)
    const bytes = await bytesOf(owner, await made(owner, ask('csv')))
    const opening = (change: Uint8Array) => expect(readerOf(change)).rejects.toMatchObject({ code: 'bundle_malformed' })
    await opening(bytes.subarray(0, -1))
    await opening(bytes.subarray(0, bytes.length / 2))
    await opening(Buffer.concat([Buffer.from('x'), bytes]))
    await opening(Buffer.concat([bytes, Buffer.from('x')]))
    const header = Buffer.from(bytes)
    header[30] = (header[30] ?? 0) ^ 1
    await opening(header)
  })
})
