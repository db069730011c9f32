import { AppError } from '#server/kernel/errors.ts'
import { CsvSplitter, type RawRecord } from './csv.ts'
import { LineSplitter } from './lines.ts'
import { IMPORT_LIMITS, type ImportMapping, type RejectedLine } from './mapping.ts'

/** Reads a value of the record by a column's name or a path. */
export type ReadValue = (from: string) => unknown

/** A record that can be read, and its own text. */
export type FileRecord = { line: number; text: string; read: ReadValue }

const REPLACED = '\ufffd'

/**
 * The records of a file in order, one in memory at a time; what is no record says why.
 * @throws AppError invalid when the header lacks a column that the mapping names
 */
export async function* readFileRecords(
  file: AsyncIterable<Uint8Array>,
  mapping: ImportMapping,
  columns: readonly string[],
): AsyncGenerator<FileRecord | RejectedLine> {
  const maxChars = IMPORT_LIMITS.lineBytes
  const isCsv = mapping.format === 'csv'
  const splitter = isCsv ? new CsvSplitter({ ...mapping.csv, maxChars }) : new LineSplitter({ maxChars })
  const toRecord = isCsv ? csvReader(mapping.csv.header, columns) : jsonRecord
  for await (const raw of rawRecords(file, splitter, mapping.encoding)) {
    const record = 'code' in raw ? raw : (faultOf(raw) ?? toRecord(raw))
    if (record) yield record
  }
}

type Splitter = { push(text: string): Iterable<RawRecord>; end(): Iterable<RawRecord> }

async function* rawRecords(
  file: AsyncIterable<Uint8Array>,
  splitter: Splitter,
  encoding: string,
): AsyncGenerator<RawRecord> {
  const decoder = new TextDecoder(encoding)
  for await (const bytes of file) yield* splitter.push(decoder.decode(bytes, { stream: true }))
  yield* splitter.push(decoder.decode())
  yield* splitter.end()
}

type Whole = Extract<RawRecord, { text: string }>

function faultOf({ line, text }: Whole): RejectedLine | null {
  if (Buffer.byteLength(text) > IMPORT_LIMITS.lineBytes)
    return { line, code: 'line_too_large', detail: `a record may have ${IMPORT_LIMITS.lineBytes} bytes` }
  if (text.includes(REPLACED))
    return { line, code: 'encoding', detail: 'holds bytes that are no text in the file’s encoding' }
  return null
}

/** Takes the first record as the header, where there is one; a record with another number of fields is none. */
function csvReader(hasHeader: boolean, columns: readonly string[]): (raw: Whole) => FileRecord | RejectedLine | null {
  let positions: Map<string, number> | null = null
  let width = 0
  return ({ line, text, fields }) => {
    if (positions === null) {
      width = fields.length
      positions = new Map(fields.map((name, at) => [hasHeader ? name.trim() : String(at + 1), at] as const))
      requireColumns(positions, columns)
      if (hasHeader) return null
    }
    if (fields.length !== width)
      return { line, code: 'columns', detail: `has ${fields.length} columns, the first line has ${width}` }
    const known = positions
    return { line, text, read: (from) => fields[known.get(from) ?? -1] }
  }
}

function requireColumns(positions: ReadonlyMap<string, number>, columns: readonly string[]): void {
  const missing = columns.filter((column) => !positions.has(column))
  if (missing.length === 0) return
  // A zero or a replaced letter in a name is the wrong encoding; the name would not say so.
  const isText = [...positions.keys()].every((name) => !name.includes('\0') && !name.includes(REPLACED))
  const problem = isText
    ? `the file has no column ${missing.map((name) => JSON.stringify(name)).join(', ')}`
    : 'the first line is no text in this encoding; "encoding" says which it is (utf-8, utf-16le, windows-1252, gb18030)'
  throw new AppError('invalid', { detail: `mapping: ${problem}`, fields: { mapping: problem } })
}

function jsonRecord({ line, text }: Whole): FileRecord | RejectedLine {
  const value = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { line, code: 'not_json', detail: 'the line is not a JSON object' }
  return { line, text, read: (from) => at(value, stepsOf(from)) }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    // A number beyond 2^53 would lose its last digits, and two ids would become one.
    return /\d{16}/.test(text) ? JSON.parse(text, exactly) : value
  } catch {
    return undefined
  }
}

function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  const isInexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
  return isInexact ? (context?.source ?? value) : value
}

const paths = new Map<string, readonly string[]>()

/** The steps of `a.b[0]`, or of a JSON Pointer (RFC 6901). */
function stepsOf(path: string): readonly string[] {
  const known = paths.get(path)
  if (known) return known
  const steps = path.startsWith('/')
    ? path
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    : path.replace(/\[(\d+)\]/g, '.$1').split('.')
  if (paths.size > 1_000) paths.clear()
  paths.set(path, steps)
  return steps
}

function at(value: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, step)
        ? // An own member of an object that JSON.parse made.
          (inner as Record<string, unknown>)[step]
        : undefined,
    value,
  )
}
