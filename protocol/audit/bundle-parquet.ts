import { type AsyncBuffer, parquetMetadataAsync, parquetRead, type SchemaElement } from 'hyparquet'
import { concatBytes } from '#lib/bytes.ts'
import { PROOF_COLUMNS, ROW_COLUMNS } from './bundle-row.ts'

type Column = (typeof ROW_COLUMNS)[number] | (typeof PROOF_COLUMNS)[number]

/** The schema of a part: times are instants in UTC, `labels` is a list, what is not there is null. */
export function parquetSchema(masked: boolean): SchemaElement[] {
  const columns = parquetColumns(masked)
  return [{ name: 'event', num_children: columns.length, repetition_type: 'REQUIRED' }, ...columns.flatMap(elementsOf)]
}

/** The columns in order. */
export function parquetColumns(masked: boolean): readonly Column[] {
  return masked ? ROW_COLUMNS : [...ROW_COLUMNS, ...PROOF_COLUMNS]
}

const REQUIRED: ReadonlySet<Column> = new Set([
  'index',
  'occurred_at',
  'recorded_at',
  'action',
  'outcome',
  'actor_kind',
  'source',
  'id',
  'entry',
])

function elementsOf(name: Column): SchemaElement[] {
  const repetition_type = REQUIRED.has(name) ? 'REQUIRED' : 'OPTIONAL'
  if (name === 'index') return [{ name, type: 'INT64', repetition_type }]
  if (name === 'policy_version') return [{ name, type: 'INT64', repetition_type }]
  if (name === 'occurred_at' || name === 'recorded_at')
    return [{ name, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type }]
  if (name === 'labels')
    return [
      { name, num_children: 1, converted_type: 'LIST', repetition_type: 'REQUIRED' },
      { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
      { name: 'element', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
    ]
  return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type }]
}

/** A value of a cell: text, count, time, list of texts, or nothing. */
export type ParquetCell = string | bigint | Date | readonly string[] | null | undefined

type ParquetSource = {
  sizeBytes: number
  read: (from: number, to: number) => AsyncIterable<Uint8Array>
  masked: boolean
}

/**
 * The rows of a part, one row group at a time, cells in the order of `parquetColumns`. Throws a RangeError where the file calls its
 * columns otherwise (who reads it would take one for another), and whatever the reader finds wrong.
 */
export async function* readParquet({ sizeBytes, read, masked }: ParquetSource): AsyncGenerator<ParquetCell[][]> {
  const file: AsyncBuffer = {
    byteLength: sizeBytes,
    slice: async (start, end = sizeBytes) => {
      const pieces: Uint8Array[] = []
      for await (const piece of read(start, end)) pieces.push(piece)
      return concatBytes(...pieces).buffer
    },
  }
  const metadata = await parquetMetadataAsync(file)
  if (shapeOf(metadata.schema) !== shapeOf(parquetSchema(masked))) throw new RangeError('has other columns')
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows)
    const groups: ParquetCell[][][] = []
    const onComplete = (rows: ParquetCell[][]) => groups.push(rows)
    await parquetRead({ file, metadata, rowStart, rowEnd, rowFormat: 'array', onComplete })
    yield groups.flat()
    rowStart = rowEnd
  }
}

function shapeOf(schema: readonly SchemaElement[]): string {
  return schema.map(({ name, num_children = 0 }) => `${name} ${num_children}`).join('\n')
}
