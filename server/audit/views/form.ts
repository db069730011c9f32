import { z } from 'zod'
import { formatTime, parseRfc3339 } from '#lib/time.ts'
import { textField, uuidField } from '#server/kernel/fields.ts'

/** What a person keeps of a search: what it asks and how it is shown, never what it finds. */
export type SavedSearch = {
  q: string
  /** Back from the moment it is opened, as `24h` or `7d`. */
  span?: string | undefined
  from?: string | undefined
  to?: string | undefined
  order: 'newest' | 'oldest'
  /** Empty: the usual ones. */
  columns: readonly string[]
  timeZone?: string | undefined
}

/**
 * A saved view as its reader sees it. Of somebody else's that asks for somebody whose name is hidden from the reader, `search` and
 * `name` are null; of one that asks by pseudonym the name is, which could say who that is.
 */
export type SavedView = {
  id: string
  name: string | null
  isShared: boolean
  isOwn: boolean
  ownerName: string
  search: SavedSearch | null
}

/** So many views a person may keep. */
export const MOST_VIEWS = 100

const time = () =>
  z.string().transform((text, context) => {
    const moment = parseRfc3339(text)
    if (moment) return formatTime(moment)
    context.addIssue({ code: 'custom', message: 'is not a time like 2026-11-23T09:41:07.318Z' })
    return z.NEVER
  })

const zone = () =>
  z
    .string()
    .max(64)
    .refine((name) => {
      try {
        new Intl.DateTimeFormat('en', { timeZone: name })
        return true
      } catch {
        // It says so itself.
        return false
      }
    }, 'is not a time zone')

const name = () => textField({ max: 80 })

export const saveViewInput = z.strictObject({
  name: name(),
  isShared: z.boolean(),
  search: z
    .strictObject({
      q: z.string().max(4_000, 'may have at most 4000 characters'),
      span: z
        .string()
        .regex(/^\d{1,3}[hd]$/, 'is not a span like 24h or 7d')
        .optional(),
      from: time().optional(),
      to: time().optional(),
      order: z.enum(['newest', 'oldest']),
      columns: z.array(z.string().regex(/^[a-z]{1,20}$/, 'is not a column')).max(20),
      timeZone: zone().optional(),
    })
    .refine(({ span, from, to }) => !span || (!from && !to), { path: ['span'], message: 'excludes from and to' }),
})

export const changeViewInput = z.strictObject({ viewId: uuidField(), name: name(), isShared: z.boolean() })
export const viewInput = z.strictObject({ viewId: uuidField() })
