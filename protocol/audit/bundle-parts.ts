import { utf8Decode } from '#lib/bytes.ts'
import { statedOffset } from '#lib/zoned-time.ts'
import { BundleError, type BundleFile, type BundleManifest } from './bundle.ts'
import { CSV_HEADER, cellJson, harmless, MASKED_CSV_HEADER, parseCsv } from './bundle-csv.ts'
import { type ParquetCell, parquetColumns, readParquet } from './bundle-parquet.ts'
import { ndjsonLine, PROOF_COLUMNS, ROW_COLUMNS, rowEvent, rowTexts, shiftedTime } from './bundle-row.ts'
import { type AuditEntry, encodeEntry } from './entry.ts'
import { checkEntry, EntryError } from './entry-check.ts'
import { leafHash } from './merkle.ts'
import { type Personal, verifyPersonal } from './personal.ts'

/** An event as a part states it: consistent in itself, not yet compared with the tree. `leaf` is null in a masked bundle. */
export type PartRow = {
  readonly index: number
  readonly leaf: Uint8Array | null
  readonly hasPersonal: boolean
  /** The day on which it occurred, as the part writes it; null where the part has no zone. */
  readonly day: string | null
  readonly occurredAtMs: number
}

/** The bytes of a part: all of them in order (which are hashed), and any range of them. */
export type PartBytes = {
  all(): AsyncIterable<Uint8Array>
  range(from: number, to: number): AsyncIterable<Uint8Array>
}

/**
 * The events of a part, several at a time. Every cell that a person reads is derived again from the entry and the personal values,
 * which are compared with their commitment. Throws a BundleError naming row and index.
 */
export async function* readPart(
  manifest: Pick<BundleManifest, 'format' | 'masked'>,
  file: BundleFile,
  bytes: PartBytes,
): AsyncGenerator<Iterable<PartRow>> {
  const masked = manifest.masked
  let row = 0
  // One after another: the first that is wrong is the one that is named.
  function* each<T>(found: readonly T[], read: (one: T) => PartRow): Generator<PartRow> {
    for (const one of found) yield placing(file, ++row, () => read(one))
  }
  try {
    switch (manifest.format) {
      case 'csv':
        for await (const records of csvRecords(file, bytes, masked)) yield each(records, masked ? maskedCsvRow : csvRow)
        return
      case 'ndjson':
        for await (const lines of textLines(bytes.all())) yield each(lines, masked ? maskedLine : ndjsonRow)
        return
      case 'parquet':
        for await (const rows of readParquet({ sizeBytes: file.sizeBytes, read: bytes.range, masked }))
          yield each(rows, (cells) => parquetRow(cells, masked))
    }
  } catch (error) {
    if (error instanceof BundleError) throw error
    const reason = error instanceof Error ? error.message : 'it cannot be read'
    throw new BundleError('row_malformed', file.name, reason, { cause: error }).at({ row: row + 1 })
  }
}

/** A problem of one row, without its place. */
class RowProblem extends Error {
  readonly code: BundleError['code']
  readonly index: number | undefined
  constructor(code: BundleError['code'], index: number | undefined, reason: string) {
    super(reason)
    this.code = code
    this.index = index
  }
}

function placing(file: BundleFile, row: number, read: () => PartRow): PartRow {
  try {
    return read()
  } catch (error) {
    if (error instanceof RowProblem)
      throw new BundleError(error.code, file.name, error.message).at({ row, index: error.index })
    if (error instanceof SyntaxError) throw new BundleError('row_malformed', file.name, 'is not JSON').at({ row })
    throw error
  }
}

async function* csvRecords(file: BundleFile, bytes: PartBytes, masked: boolean): AsyncGenerator<string[][]> {
  const header = (masked ? MASKED_CSV_HEADER : CSV_HEADER).trimEnd()
  let isFirst = true
  for await (const records of parseCsv(texts(bytes.all()))) {
    if (!isFirst) {
      yield records
      continue
    }
    isFirst = false
    const [names = [], ...rest] = records
    if (names.join(',') !== header) throw new BundleError('row_malformed', file.name, 'does not begin with its columns')
    yield rest
  }
  if (isFirst) throw new BundleError('row_malformed', file.name, 'does not begin with its columns')
}

function csvRow(cells: string[]): PartRow {
  const index = indexOf(cells[0])
  if (cells.length !== ROW_COLUMNS.length + PROOF_COLUMNS.length)
    throw new RowProblem('row_malformed', index, `has ${cells.length} cells`)
  const [entryText = '', personalText = ''] = cells.slice(-PROOF_COLUMNS.length)
  const opened = openEntry(index, JSON.parse(entryText))
  if (cellJson(opened.text) !== entryText) throw new RowProblem('entry_malformed', index, 'the entry is not canonical')
  const personal = personalText === '' ? undefined : openPersonal(index, opened.entry, JSON.parse(personalText))
  const expected = rowTexts(rowEvent(opened.entry, personal))
  const times = [cells[1] ?? '', cells[2] ?? ''] as const
  checkTimes(index, opened.entry, times)
  for (let n = 0; n < expected.length; n++) {
    const cell = cells[n + 3]
    if (cell !== harmless(expected[n] ?? '')) throw altered(index, ROW_COLUMNS[n + 3] ?? '')
  }
  return { ...placeOf(index, opened, personal), day: times[0].slice(0, 10) }
}

function maskedCsvRow(cells: string[]): PartRow {
  const index = indexOf(cells[0])
  if (cells.length !== ROW_COLUMNS.length) throw new RowProblem('row_malformed', index, `has ${cells.length} cells`)
  return maskedRow(index, cells[1])
}

function ndjsonRow(line: string): PartRow {
  const value = objectOf(JSON.parse(line))
  const index = indexOf(String(value.index))
  const opened = openEntry(index, value.entry)
  const personal = value.personal === undefined ? undefined : openPersonal(index, opened.entry, value.personal)
  const [occurredAt, recordedAt] = [String(value.occurredAt), String(value.recordedAt)]
  checkTimes(index, opened.entry, [occurredAt, recordedAt])
  const personalText = personal && JSON.stringify(personal)
  if (ndjsonLine({ index, occurredAt, recordedAt, entry: opened.text, personal: personalText }) !== line)
    throw new RowProblem('row_malformed', index, 'is not written as it must be, or says more')
  return { ...placeOf(index, opened, personal), day: occurredAt.slice(0, 10) }
}

function maskedLine(line: string): PartRow {
  const value = objectOf(JSON.parse(line))
  return maskedRow(indexOf(String(value.index)), String(value.occurredAt))
}

function parquetRow(cells: ParquetCell[], masked: boolean): PartRow {
  const index = indexOf(String(cells[0]))
  const [, occurredAt, recordedAt] = cells
  if (!(occurredAt instanceof Date) || !(recordedAt instanceof Date) || cells.length !== parquetColumns(masked).length)
    throw new RowProblem('row_malformed', index, 'has other columns')
  if (masked) return { index, leaf: null, hasPersonal: false, day: null, occurredAtMs: occurredAt.getTime() }
  const [entryText, personalText] = cells.slice(-PROOF_COLUMNS.length)
  const opened = openEntry(index, JSON.parse(String(entryText)))
  if (opened.text !== entryText) throw new RowProblem('entry_malformed', index, 'the entry is not canonical')
  const personal =
    personalText == null ? undefined : openPersonal(index, opened.entry, JSON.parse(String(personalText)))
  checkTimes(index, opened.entry, [occurredAt.toISOString(), recordedAt.toISOString()])
  const event = rowEvent(opened.entry, personal)
  for (const [n, expected] of rowTexts(event).entries()) {
    const name = ROW_COLUMNS[n + 3] ?? ''
    const cell = cells[n + 3]
    const holds =
      name === 'labels'
        ? Array.isArray(cell) && JSON.stringify(cell) === JSON.stringify(event.labels)
        : (cell == null ? undefined : String(cell)) === expected
    if (!holds) throw altered(index, name)
  }
  return { ...placeOf(index, opened, personal), day: null }
}

type Opened = { entry: AuditEntry; text: string; leaf: Uint8Array }

function openEntry(index: number, value: unknown): Opened {
  try {
    checkEntry(value)
    const bytes = encodeEntry(value)
    return { entry: value, text: utf8Decode(bytes), leaf: leafHash(bytes) }
  } catch (error) {
    if (error instanceof EntryError) throw new RowProblem('entry_malformed', index, error.message)
    throw error
  }
}

function openPersonal(index: number, entry: AuditEntry, value: unknown): Personal {
  // Whatever it is: it must hash to what the entry commits to.
  const personal = value as Personal
  if (!verifyPersonal(personal, entry.personal.sha256))
    throw new RowProblem('personal_mismatch', index, 'the personal values are not those committed to')
  return personal
}

function checkTimes(index: number, entry: AuditEntry, [occurredAt, recordedAt]: readonly [string, string]): void {
  if (!isShownTime(occurredAt, entry.occurredAt)) throw altered(index, 'occurred_at')
  if (!isShownTime(recordedAt, entry.recordedAt)) throw altered(index, 'recorded_at')
}

function isShownTime(shown: string, time: string): boolean {
  const offset = statedOffset(shown)
  return offset !== null && shiftedTime(time, offset) === shown
}

function placeOf(index: number, { entry, leaf }: Opened, personal: Personal | undefined) {
  return { index, leaf, hasPersonal: personal !== undefined, occurredAtMs: Date.parse(entry.occurredAt) }
}

function maskedRow(index: number, occurredAt = ''): PartRow {
  const occurredAtMs = Date.parse(occurredAt)
  if (Number.isNaN(occurredAtMs)) throw new RowProblem('row_malformed', index, 'has no time')
  return { index, leaf: null, hasPersonal: false, day: occurredAt.slice(0, 10), occurredAtMs }
}

function altered(index: number, column: string): RowProblem {
  return new RowProblem('column_altered', index, `the column ${column} does not say what the entry says`)
}

function indexOf(text = ''): number {
  const index = Number(text)
  if (!/^(?:0|[1-9]\d*)$/.test(text) || !Number.isSafeInteger(index))
    throw new RowProblem('row_malformed', undefined, 'has no index')
  return index
}

function objectOf(value: unknown): { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RowProblem('row_malformed', undefined, 'is not an object')
  // Any object may be read member by member as unknown.
  return value as { readonly [name: string]: unknown }
}

async function* texts(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for await (const piece of pieces) yield decoder.decode(piece, { stream: true })
  yield decoder.decode()
}

async function* textLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  let held = ''
  for await (const piece of texts(pieces)) {
    const lines = `${held}${piece}`.split('\n')
    held = lines.pop() ?? ''
    if (lines.length > 0) yield lines
  }
  if (held !== '') throw new RangeError('the last line does not end')
}
