import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import type { ImportMappingInput } from './mapping.ts'
import { deleteMapping, getMapping, listMappings, saveMapping } from './mappings.ts'
import { type ImportRequest, importHistory, previewImport } from './run-import.ts'

const database = useDatabase()

const MAPPING: ImportMappingInput = {
  name: 'old log',
  format: 'csv',
  csv: { delimiter: ';' },
  id: 'Event',
  occurredAt: { from: 'When', format: 'yyyy-MM-dd HH:mm:ss', zone: 'Europe/Berlin' },
  action: { from: 'What', values: { VIEW: 'file.view', SHOT: 'screenshot.attempt' } },
  outcome: { from: 'Result', values: { ok: 'allowed', no: 'denied' } },
  actor: { email: 'Mail', name: 'Who' },
  device: { serial: 'Serial' },
  target: { type: { constant: 'file' }, name: 'File' },
  labels: { of: 'Labels' },
  address: 'From',
  reason: 'Note',
  detail: { client: 'Client' },
}
const HEADER = 'Event;When;What;Result;Mail;Who;Serial;File;Labels;From;Note;Client'

type Row = Partial<Record<'id' | 'when' | 'what' | 'result' | 'mail' | 'who' | 'serial' | 'from' | 'note', string>>

function line({ id = '1', when = '2019-07-01 12:00:00', what = 'VIEW', result = 'ok', mail = '', ...rest }: Row = {}) {
  const { who = 'Ann', serial = '', from = '10.2.0.7', note = '' } = rest
  return [id, when, what, result, mail, who, serial, 'Plan.pdf', 'board,secret', from, note, 'web'].join(';')
}

async function* pieces(text: string, size = 1_000): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const fileOf = (rows: readonly string[]) => [HEADER, ...rows].join('\n')

function request(rows: readonly string[], more: Partial<ImportRequest> = {}): ImportRequest {
  return { file: pieces(fileOf(rows)), fileName: '/exports/history.csv', mapping: MAPPING, ...more }
}

async function setting() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, {
    role: 'owner',
    founder: true,
    name: 'Rosa Lind',
    email: 'rosa@example.org',
  })
  return { tenantId, owner }
}

const imported = async (tenantId: string) =>
  (await readLog(database, tenantId)).filter(({ entry }) => entry.source === 'import:old log')

describe('an import', () => {
  test('states who, what, when, which device and file; the importer is none of it', async () => {
    const { tenantId, owner } = await setting()
    const device = await enrollTestDevice(owner, { facts: { serial: 'SN-7' } })
    const rows = [line({ mail: 'Rosa@Example.org', serial: 'SN-7' }), line({ id: '2', mail: 'gone@example.org' })]
    const answer = await importHistory(owner, request(rows))
    expect(answer).toMatchObject({ source: 'import:old log', records: 2, accepted: 2, duplicates: 0, rejected: [] })
    expect(answer.file).toEqual({
      name: 'history.csv',
      bytes: Buffer.byteLength(fileOf(rows)),
      sha256: createHash('sha256').update(fileOf(rows)).digest('hex'),
    })
    const [known, gone] = await imported(tenantId)
    expect(known?.entry).toMatchObject({
      action: 'file.view',
      outcome: 'allowed',
      occurredAt: '2019-07-01T10:00:00.000Z',
      actor: { kind: 'person', id: owner.personId },
      device: { id: device.actor.deviceId },
      target: { type: 'file', id: expect.stringMatching(/^name-[0-9a-f]{32}$/) },
      labels: ['board', 'secret'],
    })
    expect(known?.personal).toMatchObject({
      actorName: 'Rosa Lind',
      targetName: 'Plan.pdf',
      address: '10.2.0.7',
      senderId: '1',
      detail: { client: 'web', action: 'VIEW' },
    })
    expect(known?.personal.userAgent).toBeUndefined()
    expect(gone?.entry.actor).toEqual({ kind: 'person' })
    expect(gone?.personal).toMatchObject({ actorName: 'Ann', detail: { person: 'gone@example.org' } })
    expect(gone?.entry.target).toEqual(known?.entry.target)
  })

  test('is in the log itself: when it began, and what became of it', async () => {
    const { tenantId, owner } = await setting()
    const { file } = await importHistory(owner, request([line(), line(), line({ id: '' })]))
    const own = (await readLog(database, tenantId)).filter(({ entry }) => entry.action === 'audit.import')
    expect(own.map(({ entry }) => [entry.outcome, entry.actor.id])).toEqual([
      ['pending', owner.personId],
      ['allowed', owner.personId],
    ])
    expect(own[1]?.personal.detail).toEqual({
      source: 'import:old log',
      file: 'history.csv',
      sha256: file.sha256,
      bytes: String(file.bytes),
      records: '3',
      accepted: '1',
      duplicates: '1',
      rejected: '1',
    })
  })

  test('again, two at once, and one that was cut off and goes on: each event once, for ever', async () => {
    const { tenantId, owner } = await setting()
    const rows = Array.from({ length: 1_600 }, (_, n) => line({ id: `e${n}` }))
    async function* cutOff() {
      yield* pieces(fileOf(rows.slice(0, 1_200)))
      throw new Error('the connection went')
    }
    await expect(importHistory(owner, request([], { file: cutOff() }))).rejects.toThrow('the connection went')
    const before = (await imported(tenantId)).length
    expect(before).toBeGreaterThanOrEqual(1_000)
    const answers = await Promise.all([
      importHistory(owner, request(rows)),
      importHistory(owner, request(rows.toReversed())),
      importHistory(owner, request(rows)),
    ])
    expect(answers.reduce((sum, { accepted }) => sum + accepted, before)).toBe(1_600)
    const senders = (await imported(tenantId)).map(({ personal }) => personal.senderId)
    expect([senders.length, new Set(senders).size]).toEqual([1_600, 1_600])
    const failed = (await readLog(database, tenantId)).find(
      ({ entry }) => entry.action === 'audit.import' && entry.outcome === 'failed',
    )
    expect(failed?.personal.detail).toMatchObject({ accepted: String(before), problem: 'interrupted' })
  }, 30_000)

  test('under another name the same ids are other events', async () => {
    const { owner } = await setting()
    await importHistory(owner, request([line()]))
    expect(await importHistory(owner, request([line()], { name: 'archive 2' }))).toMatchObject({ accepted: 1 })
  })

  test('a word of the file that the mapping does not know is kept as one of the import’s own', async () => {
    const { tenantId, owner } = await setting()
    const words = ['Login Failed!', 'meeting.record', '查看文件', '42']
    await importHistory(owner, request(words.map((what, n) => line({ id: String(n), what }))))
    expect((await imported(tenantId)).map(({ entry, personal }) => [entry.action, personal.detail?.action])).toEqual([
      ['imported.login_failed', 'Login Failed!'],
      ['meeting.record', undefined],
      ['imported.event', '查看文件'],
      ['imported.event', '42'],
    ])
  })

  test('cannot say what only the server can state, in any spelling; nor that a capture was prevented', async () => {
    const { tenantId, owner } = await setting()
    const forbidden = [
      'device.wipe.queue',
      'DEVICE.Wipe.Receipt',
      'auth.sign_in',
      'audit.verify',
      'file.published',
      'key.x',
    ]
    const rows = [...forbidden.map((what, n) => line({ id: `f${n}`, what })), line({ what: 'SHOT', result: 'no' })]
    const answer = await importHistory(owner, request(rows))
    expect(answer.rejected.map(({ code }) => code)).toEqual(forbidden.map(() => 'action_not_allowed'))
    expect((await imported(tenantId)).map(({ entry }) => [entry.action, entry.outcome, entry.enforcement])).toEqual([
      ['screenshot.attempt', 'allowed', 'detected'],
    ])
    const values = { VIEW: 'device.wipe.queue' }
    const sly = { ...MAPPING, action: { from: 'What', values } }
    expect(await importHistory(owner, request([line()], { mapping: sly }))).toMatchObject({
      accepted: 0,
      rejectedCount: 1,
    })
  })

  test('each bad line is named with what is wrong, and stops nobody', async () => {
    const { owner } = await setting()
    const bad: [string, string, RegExp][] = [
      [line({ id: ' ' }), 'id_missing', /^id: /],
      [line({ when: '31.12.2019' }), 'time_invalid', /^occurredAt: "31\.12\.2019"/],
      [line({ when: '2026-03-29 02:30:00' }), 'time_invalid', /^occurredAt: .* on the clock of /],
      [line({ what: '' }), 'action_missing', /^action: /],
      [line({ result: 'maybe' }), 'invalid', /^outcome: "maybe"/],
      [line({ note: 'x'.repeat(1_001) }), 'invalid', /^reason: /],
      [line({ note: 'x'.repeat(40_000) }), 'line_too_large', /32768/],
      ['1;2', 'columns', /2 columns/],
    ]
    const seen: unknown[] = []
    const rows = [...bad.map(([text]) => text), line({ id: 'good' })]
    const answer = await importHistory(owner, request(rows, { onRejected: (one) => void seen.push(one) }))
    expect(answer).toMatchObject({ accepted: 1, rejectedCount: bad.length })
    expect(answer.rejected.map(({ line, code }) => [line, code])).toEqual(bad.map(([, code], n) => [n + 2, code]))
    for (const [n, { detail }] of answer.rejected.entries()) expect(detail).toMatch(bad[n]?.[2] ?? /^$/)
    expect(seen[1]).toMatchObject({ line: 3, text: bad[1]?.[0] })
  })

  test('bytes that are no text, a clock ahead, an address with a port, controls in a text', async () => {
    const { tenantId, owner } = await setting()
    const rows = [
      line({ id: 'a', when: '2199-01-01 00:00:00' }),
      line({ id: 'b', from: '10.0.0.1:5000' }),
      line({ id: 'c', note: 'two\ttabs' }),
    ]
    const bytes = Buffer.concat([
      Buffer.from(`${fileOf(rows)}\n`),
      Buffer.from([0xff, 0xfe, 0x3b]),
      Buffer.from(line()),
    ])
    async function* file() {
      yield bytes
    }
    const answer = await importHistory(owner, request([], { file: file() }))
    expect(answer).toMatchObject({ accepted: 3, rejected: [{ line: 5, code: 'encoding' }] })
    const [ahead, port, tabs] = await imported(tenantId)
    expect(ahead?.entry.clock).toBe('suspect')
    expect(port?.personal).toMatchObject({ detail: { address: '10.0.0.1:5000' } })
    expect(port?.personal.address).toBeUndefined()
    expect(tabs?.personal.reason).toBe('two tabs')
  })

  test('batches are bounded by what they hold, too', async () => {
    const { owner } = await setting()
    const mapping: ImportMappingInput = {
      name: 'old log',
      format: 'ndjson',
      id: 'id',
      occurredAt: { from: 'at' },
      action: { constant: 'door.open' },
    }
    const pad = 'x'.repeat(30_000)
    const lines = Array.from({ length: 80 }, (_, id) => JSON.stringify({ at: '1983-01-01T00:00:00Z', id, pad }))
    const counts: number[] = []
    const onProgress = ({ accepted }: { accepted: number }) => void counts.push(accepted)
    const file = pieces(lines.join('\n'), 65_536)
    await importHistory(owner, request([], { file, mapping, onProgress }))
    expect(counts[0]).toBeLessThan(80)
    expect(counts.at(-1)).toBe(80)
  })

  test('NDJSON; a file without ids counts equal lines once', async () => {
    const { tenantId, owner } = await setting()
    const mapping: ImportMappingInput = {
      name: 'old log',
      format: 'ndjson',
      id: { hashOf: 'line' },
      occurredAt: { from: 'at' },
      action: 'event.type',
      labels: { of: 'tags' },
      target: { type: 'event.kind', id: 'event.id' },
    }
    const event = (type: string) =>
      JSON.stringify({ at: '1983-01-01T00:00:00Z', event: { type, kind: 'door', id: 4 }, tags: ['x'] })
    const deep = event('door.open').replace('"id":4', `"id":${'['.repeat(16_000)}${']'.repeat(16_000)}`)
    const lines = [event('door.open'), event('door.open'), event('door.shut'), '[]', deep]
    const answer = await importHistory(owner, request([], { file: pieces(lines.join('\n'), 300), mapping }))
    expect(answer).toMatchObject({
      accepted: 2,
      duplicates: 1,
      rejected: [
        { line: 4, code: 'not_json' },
        { line: 5, code: 'invalid', detail: 'is nested too deeply' },
      ],
    })
    expect((await imported(tenantId))[0]?.entry).toMatchObject({
      occurredAt: '1983-01-01T00:00:00.000Z',
      actor: { kind: 'system' },
      target: { type: 'door', id: '4' },
      labels: ['x'],
    })
  })

  test('dry, it writes nothing and says what it would', async () => {
    const { tenantId, owner } = await setting()
    await importHistory(owner, request([line()]))
    const size = (await readLog(database, tenantId)).length
    const dry = await importHistory(owner, request([line(), line({ id: '2' }), line({ id: '' })], { dryRun: true }))
    expect(dry).toMatchObject({ accepted: 1, duplicates: 1, rejectedCount: 1, dryRun: true })
    expect(await readLog(database, tenantId)).toHaveLength(size)
  })

  test('a column that the file does not have stops it before the first event', async () => {
    const { tenantId, owner } = await setting()
    const mapping = { ...MAPPING, reason: 'Reason' }
    const refused = importHistory(owner, request([line()], { mapping }))
    await expect(refused).rejects.toMatchObject({ code: 'invalid', detail: /no column "Reason"/ })
    // Columns that have their names, in another encoding.
    const file = (async function* () {
      yield Buffer.from(`${HEADER}\n${line()}\n`, 'utf16le')
    })()
    const misread = importHistory(owner, { ...request([]), file })
    await expect(misread).rejects.toMatchObject({ code: 'invalid', detail: /no text in this encoding/ })
    expect(await imported(tenantId)).toEqual([])
  })

  test('needs audit:write', async () => {
    const { tenantId, owner } = await setting()
    const reader = makeApiKeyActor(tenantId, ['audit:read'])
    const admin = await makePerson(tenantId, { role: 'admin' })
    for (const actor of [reader, admin]) {
      await expect(importHistory(actor, request([line()]))).rejects.toMatchObject({ code: 'forbidden' })
      const preview = { beginning: new Uint8Array(), isWhole: true, mapping: MAPPING }
      await expect(previewImport(actor, preview)).rejects.toMatchObject({ code: 'forbidden' })
      await expect(listMappings(actor, {})).rejects.toMatchObject({ code: 'forbidden' })
    }
    expect(await importHistory(makeApiKeyActor(tenantId, ['audit:write']), request([line()]))).toMatchObject({
      accepted: 1,
    })
    expect(owner.permissions.has('audit:write')).toBe(true)
  })
})

describe('the preview', () => {
  test('shows the first twenty as they would be, bad ones too; a cut record is left out', async () => {
    const { owner } = await setting()
    const rows = [line({ when: 'x' }), ...Array.from({ length: 30 }, (_, n) => line({ id: String(n) }))]
    const whole = { beginning: Buffer.from(fileOf(rows)), isWhole: true, mapping: MAPPING }
    const { rows: shown } = await previewImport(owner, whole)
    expect(shown).toHaveLength(20)
    expect(shown[0]).toMatchObject({ line: 2, code: 'time_invalid' })
    expect(shown[1]).toMatchObject({ line: 3, id: '0', action: 'file.view', actor: { name: 'Ann' } })
    const cut = Buffer.from(fileOf(rows.slice(0, 3)).slice(0, -4))
    expect((await previewImport(owner, { beginning: cut, isWhole: false, mapping: MAPPING })).rows).toHaveLength(2)
  })

  test('a mapping that cannot be is refused by its field', async () => {
    const { owner } = await setting()
    const refusal = (mapping: object) =>
      previewImport(owner, { beginning: new Uint8Array(), isWhole: true, mapping }).catch((error) => error.fields)
    expect(await refusal({ ...MAPPING, name: 'Old' })).toHaveProperty('name')
    expect(await refusal({ ...MAPPING, occurredAt: { from: 'x', format: 'HH:mm' } })).toHaveProperty(
      'occurredAt.format',
    )
    expect(await refusal({ ...MAPPING, occurredAt: { from: 'x', zone: 'Mars' } })).toHaveProperty('occurredAt.zone')
    expect(await refusal({ ...MAPPING, surprise: 1 })).toHaveProperty('surprise')
  })
})

describe('mappings', () => {
  test('are saved, replaced, read and deleted by name, and each is in the log', async () => {
    const { tenantId, owner } = await setting()
    await saveMapping(owner, { document: MAPPING })
    await saveMapping(owner, { document: { ...MAPPING, action: 'What' } })
    await saveMapping(owner, { document: { ...MAPPING, name: 'another' } })
    expect((await listMappings(owner, {})).map(({ name }) => name)).toEqual(['another', 'old log'])
    const saved = await getMapping(owner, { name: 'old log' })
    expect(saved).toMatchObject({ updatedBy: 'Rosa Lind', document: { action: { from: 'What' } } })
    expect(await importHistory(owner, request([line()], { mapping: saved.document }))).toMatchObject({ accepted: 1 })
    await deleteMapping(owner, { name: 'old log' })
    await expect(getMapping(owner, { name: 'old log' })).rejects.toMatchObject({ code: 'not_found' })
    await expect(deleteMapping(owner, { name: 'old log' })).rejects.toMatchObject({ code: 'not_found' })
    const actions = (await readLog(database, tenantId)).map(({ entry }) => entry.action)
    expect(actions.filter((action) => action.startsWith('audit.mapping'))).toEqual([
      'audit.mapping.save',
      'audit.mapping.save',
      'audit.mapping.save',
      'audit.mapping.delete',
    ])
  })

  test('of another organisation are not there', async () => {
    const { owner } = await setting()
    await saveMapping(owner, { document: MAPPING })
    const other = await setting()
    expect(await listMappings(other.owner, {})).toEqual([])
    await expect(getMapping(other.owner, { name: 'old log' })).rejects.toMatchObject({ code: 'not_found' })
  })
})
