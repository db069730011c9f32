import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { zonedClock } from '#lib/zoned-time.ts'
import { CSV_HEADER, cellJson, csvCells } from '#protocol/audit/bundle-csv.ts'
import { ndjsonLine, rowEvent } from '#protocol/audit/bundle-row.ts'
import { type AuditEntry, buildEntry, type EntryDraft } from '#protocol/audit/entry.ts'
import { leafHash } from '#protocol/audit/merkle.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { drafts } from '#protocol/audit/testing-arbitraries.ts'
import { RowBlock } from '../row-block.ts'
import { toCandidate } from '../scan.ts'
import { FIELD, RowScan } from './row-scan.ts'
import { leafRecords, rowWriter } from './row-writer.ts'

type Stored = { index: number; recordedAt: Date; text: string; personal: string | null }

const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns']
const RECORDED_AT = new Date('2026-03-29T00:59:59.999Z')

/** What stands in a cell of CSV and means something there, in a text that anybody may send. */
const awkward = fc.constantFrom(
  '=1+1',
  '+1',
  '-1',
  '@sum',
  '＝1',
  'a;=1',
  'a|-1',
  'a;\u00a0+1',
  ' a',
  'a ',
  '\u3000=1',
  'a,b',
  'say "x"',
  'a\nb',
  'a\\b',
  '\t=1',
  '',
  'é=1',
  '王\u3000',
  '\ufeff=1',
)

const stored: fc.Arbitrary<Stored> = fc
  .record({
    index: fc.nat(2 ** 40),
    draft: drafts,
    name: fc.option(awkward, { nil: undefined }),
    isErased: fc.boolean(),
    spelling: fc.nat(9),
  })
  .map(({ index, draft, name, isErased, spelling }) => {
    const personal = { ...draft.personal, ...(name !== undefined && { targetName: name, reason: name }) }
    const built = buildEntry({ ...draft, personal } as EntryDraft)
    return {
      index,
      recordedAt: RECORDED_AT,
      // Some of it as nobody but a superuser writes it.
      text: spelling === 9 ? JSON.stringify(built.entry) : built.text,
      personal: isErased ? null : spelling === 8 ? JSON.stringify(built.personal, null, 1) : built.personalText,
    }
  })

/** The rows as they come from COPY. */
function copied(rows: readonly Stored[]): RowBlock {
  const number = (bytes: number, value: number) => {
    const buffer = Buffer.alloc(bytes)
    if (bytes === 8) buffer.writeBigInt64BE(BigInt(value))
    else buffer.writeIntBE(value, 0, bytes)
    return buffer
  }
  const text = (value: string | null) =>
    value === null ? [number(4, -1)] : [number(4, Buffer.byteLength(value)), Buffer.from(value)]
  const fields = rows.flatMap((row) => [
    number(2, 4),
    number(4, 8),
    number(8, row.index),
    number(4, 8),
    number(8, (row.recordedAt.getTime() - Date.UTC(2000, 0, 1)) * 1_000),
    ...text(row.text),
    ...text(row.personal),
  ])
  return RowBlock.ofCopy(
    Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), number(4, 0), number(4, 0), ...fields, number(2, -1)]),
    rows.length,
  )
}

function expected(format: 'csv' | 'ndjson', timeZone: string, rows: readonly Stored[]): string {
  const clock = zonedClock(timeZone)
  const lines = rows.map(({ index, text, personal }) => {
    const entry = JSON.parse(text) as AuditEntry
    const event = rowEvent(entry, personal === null ? undefined : (JSON.parse(personal) as Personal))
    const times = { occurredAt: clock(Date.parse(entry.occurredAt)), recordedAt: clock(Date.parse(entry.recordedAt)) }
    if (format === 'ndjson') return `${ndjsonLine({ index, ...times, entry: text, personal: personal ?? undefined })}\n`
    const quoted = (json: string) => `"${cellJson(json).replaceAll('"', '""')}"`
    return `${csvCells({ index, ...times, event })},${quoted(text)},${personal === null ? '' : quoted(personal)}\r\n`
  })
  return (format === 'csv' ? CSV_HEADER : '') + lines.join('')
}

function written(format: 'csv' | 'ndjson', timeZone: string, block: RowBlock) {
  const writer = rowWriter({ format, timeZone, mask: null })
  const middle = Math.floor(block.count / 2)
  // What a call answers is good until the next one.
  let text = Buffer.from(writer.begin()).toString()
  text += Buffer.from(writer.add(block, 0, middle)).toString()
  text += Buffer.from(writer.add(block, middle, block.count)).toString()
  return { text: text + Buffer.from(writer.end()).toString(), days: writer.days.read() }
}

const rowsOf = fc.array(stored, { minLength: 1, maxLength: 12 })

describe('rows out of the bytes of their texts', () => {
  it.each(['csv', 'ndjson'] as const)('are those that are made of the parsed events (%s)', (format) => {
    fc.assert(
      fc.property(rowsOf, fc.constantFrom(...ZONES), (rows, timeZone) => {
        const clock = zonedClock(timeZone)
        const days: Record<string, number> = {}
        for (const { text } of rows) {
          const day = clock(Date.parse((JSON.parse(text) as AuditEntry).occurredAt)).slice(0, 10)
          days[day] = (days[day] ?? 0) + 1
        }
        for (const block of [copied(rows), RowBlock.of(rows.map(toCandidate))])
          expect(written(format, timeZone, block)).toEqual({ text: expected(format, timeZone, rows), days })
      }),
      { numRuns: 100 },
    )
  })

  it('are found without reading JSON, as the ledger writes them', () => {
    const { text, personalText } = buildEntry({
      recordedAt: RECORDED_AT,
      occurredAt: RECORDED_AT,
      action: 'file.view',
      outcome: 'allowed',
      actor: { kind: 'person', id: '01a20801-1309-75cb-81ea-ee0f71b74726' },
      device: { id: '01a20801-1309-75cb-81ea-ee0f71b74727' },
      target: { type: 'file', id: 'plan' },
      labels: ['board', '机密'],
      policy: { id: '01a20801-1309-75cb-81ea-ee0f71b74728', version: 7, rule: 'no prints' },
      source: 'device',
      enforcement: 'prevented',
      personal: { actorName: '王小明', deviceName: 'HT-1', targetName: 'Plan, final', detail: { page: '"}1' } },
    })
    const block = copied([{ index: 1, recordedAt: RECORDED_AT, text, personal: personalText }])
    const scan = new RowScan()
    expect(scan.row(block, 0)).toBe(true)
    const found = (field: keyof typeof FIELD) =>
      Buffer.from(block.bytes.subarray(scan.from[FIELD[field]], scan.to[FIELD[field]])).toString()
    expect([found('labels'), found('policyVersion')]).toEqual(['["board","机密"]', '7'])
    expect([found('actorName'), found('detail')]).toEqual(['王小明', '{"page":"\\"}1"}'])
    expect(scan.from[FIELD.clock]).toBe(0)
  })

  it('are declined by the scan, character by character, where they are not JSON', () => {
    const { text, personalText } = buildEntry({
      recordedAt: RECORDED_AT,
      occurredAt: RECORDED_AT,
      action: 'file.view',
      outcome: 'allowed',
      actor: { kind: 'person' },
      labels: ['board'],
      source: 'device',
      personal: { actorName: 'Lin', words: 'a' },
    })
    const isFound = (entry: string, personal: string) =>
      new RowScan().row(copied([{ index: 1, recordedAt: RECORDED_AT, text: entry, personal }]), 0)
    const isJson = (json: string) => {
      try {
        return Boolean(JSON.parse(json))
      } catch {
        return false
      }
    }
    expect(isFound(text, personalText)).toBe(true)
    for (let at = 0; at < text.length; at++) {
      for (const sign of ['', '"', ',', '}', '\\', '\n']) {
        const changed = text.slice(0, at) + sign + text.slice(at + 1)
        if (isFound(changed, personalText)) expect(isJson(changed)).toBe(true)
        const personal = personalText.slice(0, at) + sign + personalText.slice(at + 1)
        if (isFound(text, personal)) expect(isJson(personal)).toBe(true)
      }
    }
  })

  it('have the leaves of the tree', () => {
    fc.assert(
      fc.property(rowsOf, (rows) => {
        const records = Buffer.from(leafRecords(copied(rows), 0, rows.length))
        for (const [n, { index, text }] of rows.entries()) {
          expect(records.readBigUInt64BE(40 * n)).toBe(BigInt(index))
          expect(records.subarray(40 * n + 8, 40 * n + 40).equals(leafHash(Buffer.from(text)))).toBe(true)
        }
      }),
      { numRuns: 30 },
    )
  })
})
