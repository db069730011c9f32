import 'server-only'
import { base64urlDecode, base64urlEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { isTime } from '#lib/time.ts'
import { isUuid } from '#lib/uuid.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { FileRow } from './rows.ts'
import type { FILE_SORTS } from './schema.ts'

/** Sort key → the expression of its index: file_recent, file_name. */
const SORTS = { created: 'f.created_at', name: 'lower(f.name)' } as const
const CASTS = { created: 'text::timestamptz', name: 'text' } as const

type ListPlace = { sort: (typeof FILE_SORTS)[number]; cursor?: string | undefined }

/** The part of a list's statement that follows from its sort and its cursor; the id breaks ties. */
export function pageOf({ sort, cursor }: ListPlace, used: number) {
  const name = sort.endsWith('name') ? 'name' : 'created'
  const [direction, beyond] = sort.startsWith('-') ? ['DESC', '<'] : ['ASC', '>']
  const from = cursor === undefined ? null : readCursor(cursor, name)
  return {
    order: `${SORTS[name]} ${direction}, f.id ${direction}`,
    after: from ? `AND (${SORTS[name]}, f.id) ${beyond} ($${used + 1}::${CASTS[name]}, $${used + 2}::text::uuid)` : '',
    more: from ?? [],
    keyOf: (row: Pick<FileRow, 'name' | 'publishedAt'>) =>
      name === 'name' ? row.name.toLowerCase() : row.publishedAt.toISOString(),
  }
}

export function writeCursor(key: string, id: string): string {
  return base64urlEncode(utf8Encode(JSON.stringify([key, id])))
}

/** @throws AppError invalid for anything that writeCursor did not write for this sort */
function readCursor(cursor: string, sort: keyof typeof SORTS): [string, string] {
  try {
    const [key, id] = JSON.parse(utf8Decode(base64urlDecode(cursor))) as unknown[]
    if (typeof key === 'string' && isKey(key, sort) && typeof id === 'string' && isUuid(id)) return [key, id]
  } catch {
    // Not ours: said below.
  }
  throw new AppError('invalid', { detail: 'cursor: is not one of ours', fields: { cursor: 'is not one of ours' } })
}

/** What PostgreSQL can compare with: it knows no year 0 and no NUL. */
function isKey(key: string, sort: keyof typeof SORTS): boolean {
  return sort === 'name' ? key.isWellFormed() && !key.includes('\0') : isTime(key) && !key.startsWith('0000')
}
